import { addresses, group, introduce, run } from '../pace.mjs';

// docs: begin
import Redis from 'ioredis';

function connect(sentinels, name) {
  return new Redis({
    sentinels,
    name,
    // The default waits for 50 ms and up to 200 ms more.
    retryStrategy: (times) => Math.min(times * 5, 200),
    // Ends a connection that owes an answer for so long. Longer than commands may block, as BLPOP.
    socketTimeout: 500,
    // Reconnects and repeats what a demoted primary refused, if it still has the connection.
    reconnectOnError: (error) => error.message.startsWith('READONLY') && 2,
    // Commands wait for the reconnection instead of failing after 20 tries of it.
    maxRetriesPerRequest: null,
  });
}
// docs: end

introduce('ioredis');
const client = connect(addresses, group);
// Without a listener every reconnection is printed.
client.on('error', () => {});
await run(() => client.incr('counter'));
