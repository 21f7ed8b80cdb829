<?php

// Writes at a steady pace, and tells one line of JSON for every write.
//
// Used as `PROGRAM SENTINELS GROUP EVERY_MS`. Ends when standard input does, and after two minutes.

require 'Predis/Autoloader.php';
Predis\Autoloader::register();

// docs: begin
function connect(array $sentinels, string $group): Predis\Client
{
    $client = new Predis\Client($sentinels, [ // ['tcp://127.0.0.1:26379']
        'replication' => 'sentinel',
        'service' => $group,
        'parameters' => ['timeout' => 0.5, 'read_write_timeout' => 0.5],
    ]);
    // A hundred tries, 10 ms apart; the default is 20, a second apart.
    $client->getConnection()->setRetryWait(10);
    $client->getConnection()->setRetryLimit(100);
    return $client;
}
// docs: end

const LONGEST_RUN = 120;

function now(): float
{
    return hrtime(true) / 1e9;
}

function tell(array $line): void
{
    fwrite(STDOUT, json_encode($line) . "\n");
}

[, $addresses, $group, $every] = $argv;
$sentinels = array_map(fn($address) => "tcp://$address", explode(',', $addresses));
tell(['library' => 'predis', 'version' => Predis\Client::VERSION]);

$client = connect($sentinels, $group);
$start = now();
$next = $start;
for ($n = 1; ; $n++) {
    $begun = now();
    try {
        $result = ['ok' => true, 'counter' => $client->incr('counter')];
    } catch (Exception $error) {
        $result = ['ok' => false, 'error' => get_class($error) . ': ' . $error->getMessage()];
    }
    $ended = now();
    tell(['n' => $n, 'at_ms' => ($ended - $start) * 1000, 'ms' => ($ended - $begun) * 1000] + $result);
    $next = max($next + $every / 1000, $ended);
    // Standard input is readable when it ends.
    [$read, $write, $except] = [[STDIN], null, null];
    $isOver = stream_select($read, $write, $except, 0, (int) (($next - $ended) * 1e6));
    if ($isOver || $ended - $start > LONGEST_RUN) {
        break;
    }
}
