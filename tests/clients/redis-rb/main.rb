# frozen_string_literal: true

# Writes at a steady pace, and tells one line of JSON for every write.
#
# Used as `PROGRAM SENTINELS GROUP EVERY_MS`. Ends when standard input does, and after two minutes.

require 'io/wait'
require 'json'

# docs: begin
require 'redis'

def connect(sentinels, group)
  Redis.new(
    url: "redis://#{group}",
    sentinels: sentinels, # [{ host: '127.0.0.1', port: 26379 }]
    role: :master,
    timeout: 0.5,
    # Ten times, from 10 ms to 200 ms apart; the default is once and at once.
    reconnect_attempts: 10,
    reconnect_delay: 0.01,
    reconnect_delay_max: 0.2
  )
end
# docs: end

LONGEST_RUN = 120

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

def tell(line)
  $stdout.puts(JSON.generate(line))
  $stdout.flush
end

addresses, group, every = ARGV
sentinels = addresses.split(',').map do |address|
  host, _, port = address.rpartition(':')
  { host: host, port: port.to_i }
end
every = every.to_f / 1000
tell(library: 'redis-rb', version: Redis::VERSION)

client = connect(sentinels, group)
start = now
after = start
(1..).each do |n|
  begun = now
  begin
    result = { ok: true, counter: client.incr('counter') }
  rescue StandardError => e
    result = { ok: false, error: "#{e.class}: #{e.message}" }
  end
  ended = now
  tell({ n: n, at_ms: (ended - start) * 1000, ms: (ended - begun) * 1000 }.merge(result))
  after = [after + every, ended].max
  # Standard input is readable when it ends.
  break if $stdin.wait_readable(after - ended) || ended - start > LONGEST_RUN
end
