import { addresses, introduce, run } from '../pace.mjs';

import { createClient } from 'redis';

function connect({ host, port }) {
  return createClient({ socket: { host, port } });
}

introduce('redis');
const client = connect(addresses[0]);
// Without a listener an error ends the process.
client.on('error', () => {});
await client.connect();
await run(() => client.incr('counter'));
