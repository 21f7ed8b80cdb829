import { addresses, group, introduce, run } from '../pace.mjs';

// docs: begin
import Redis from 'ioredis';

function connect(sentinels, name) {
  const client = new Redis({
    sentinels,
    name,
    // Reconnects when +switch-master is published.
    failoverDetector: true,
    // How long a connection that does not end is waited for; the default is 2000.
    disconnectTimeout: 100,
    maxRetriesPerRequest: null,
  });
  // If it is published while the client is reconnecting, the client gives up for ever.
  client.on('end', () => client.connect().catch(() => {}));
  return client;
}
// docs: end

introduce('ioredis');
const client = connect(addresses, group);
// Without a listener every reconnection is printed.
client.on('error', () => {});
await run(() => client.incr('counter'));
