#!/usr/bin/perl
# The engine's client on a simulated server. It lets the simulated engine find out what the real client would do and print,
# since 100 real clients at once would measure this machine and not jiji.
use strict;
socket my $engine, 1, 1, 0 or die "socket: $!";
connect $engine, pack "Sa*x", 1, "/run/docker.sock" or die "Cannot connect to the simulated engine: $!\n";
binmode $_ for $engine, *STDIN, *STDOUT;

sub copy {
  my ($from, $to) = @_;
  while (sysread $from, my $bytes, 65536) {
    for (my $sent = 0; $sent < length $bytes;) { $sent += syswrite $to, $bytes, length($bytes) - $sent, $sent or exit }
  }
}

if ("@ARGV" eq "system dial-stdio") {
  select undef, undef, undef, 0.06; # what the real client needs to start
  my $child = fork;
  # The simulated engine does not answer a connection that is half closed, so an answer gets a moment before that.
  if ($child == 0) { copy(*STDIN, $engine); select undef, undef, undef, 0.5; shutdown $engine, 2; exit }
  copy($engine, *STDOUT);
  kill "TERM", $child;
  exit;
}

my $input = grep({ $_ eq "--password-stdin" } @ARGV) ? join "", <STDIN> : "";
my @environment = map { "$_=$ENV{$_}" } grep { !/^SSH_/ } sort keys %ENV;
my $body = join "\0", scalar @ARGV, @ARGV, $input, @environment;
print $engine "POST /client HTTP/1.1\r\nHost: engine\r\nConnection: close\r\nContent-Length: ", length $body, "\r\n\r\n", $body;
$engine->flush;
my $answer = join "", <$engine>;
my ($code, $length, $output) = $answer =~ /\r\n\r\n(\d+) (\d+)\n(.*)/s or die "The simulated engine answers: $answer\n";
print substr $output, 0, $length;
print STDERR substr $output, $length;
exit $code;
