# Writes at a steady pace, and tells one line of JSON for every write.
#
# Used as `PROGRAM SENTINELS GROUP EVERY_MS`. Ends when standard input does, and after two minutes.

use strict;
use warnings;

use IO::Select;
use JSON::PP;
use List::Util qw(max);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

# docs: begin
use Redis;

sub connect_to {
    my ($sentinels, $group) = @_;
    return Redis->new(
        sentinels     => $sentinels,    # ['127.0.0.1:26379']
        service       => $group,
        cnx_timeout   => 0.5,
        read_timeout  => 0.5,
        write_timeout => 0.5,
        # For five seconds, every 10 ms (in microseconds); by default not at all.
        reconnect => 5,
        every     => 10_000,
    );
}
# docs: end

use constant LONGEST_RUN => 120;

sub now { return clock_gettime(CLOCK_MONOTONIC) }

$| = 1;
my $json  = JSON::PP->new->canonical;
my $input = IO::Select->new(\*STDIN);
my ($addresses, $group, $every) = @ARGV;
print $json->encode({ library => 'Redis.pm', version => "$Redis::VERSION" }), "\n";

my $client = connect_to([split /,/, $addresses], $group);
my $start  = now();
my $next   = $start;
for (my $n = 1 ; ; $n++) {
    my $begun   = now();
    my $counter = eval { $client->incr('counter') };
    my $ended   = now();
    my %line    = (n => $n, at_ms => ($ended - $start) * 1000, ms => ($ended - $begun) * 1000);
    if (defined $counter) {
        @line{qw(ok counter)} = (JSON::PP::true, $counter + 0);
    }
    else {
        @line{qw(ok error)} = (JSON::PP::false, "$@");
        # It does not reconnect by itself when it was refused as a replica's client, or timed out.
        eval { $client->quit };
    }
    print $json->encode(\%line), "\n";
    $next = max($next + $every / 1000, $ended);
    # Standard input is readable when it ends.
    last if $input->can_read($next - $ended) || $ended - $start > LONGEST_RUN;
}
