import { addresses, group, introduce, run } from '../pace.mjs';

// docs: begin
import { createSentinel } from 'redis';

function connect(sentinels, name) {
  return createSentinel({
    name,
    sentinelRootNodes: sentinels,
    // Looks at the Sentinel again at least once a second; by default only when it was told.
    scanInterval: 1000,
  });
}
// docs: end

introduce('redis');
const client = connect(addresses, group);
// Without a listener an error ends the process.
client.on('error', () => {});
await client.connect();
await run(() => client.incr('counter'));
