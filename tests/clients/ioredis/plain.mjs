import { addresses, introduce, run } from '../pace.mjs';

import Redis from 'ioredis';

function connect({ host, port }) {
  return new Redis({ host, port });
}

introduce('ioredis');
const client = connect(addresses[0]);
// Without a listener every reconnection is printed.
client.on('error', () => {});
await run(() => client.incr('counter'));
