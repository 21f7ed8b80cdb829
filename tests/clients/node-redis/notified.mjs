// As plain.mjs, and asks for notices: without them it does not begin. It needs no address to move to.
import { addresses, introduce, run } from '../pace.mjs';

import { createClient } from 'redis';

introduce('redis');
const client = createClient({
  socket: addresses[0],
  RESP: 3,
  maintNotifications: 'enabled',
  maintEndpointType: 'none',
});
// Without a listener an error ends the process.
client.on('error', () => {});
await client.connect();
await run(() => client.incr('counter'));
