# Lets the simulated engine, which runs outside of its server, connect to the server's own 127.0.0.1: loopback.pl SOCKET
# Reads which port is meant from the request's Host header. One request a connection.
use strict;
my ($path) = @ARGV;
$SIG{CHLD} = "IGNORE";
socket my $listener, 1, 1, 0 or die "socket: $!";
bind $listener, pack "Sa*x", 1, $path or die "bind: $!";
listen $listener, 64 or die "listen: $!";
while (accept my $client, $listener) {
  next if fork;
  my $head = "";
  until ($head =~ /\r\n\r\n/) { sysread $client, $head, 4096, length $head or exit }
  my ($port) = $head =~ /^Host: [^\r]*:(\d+)\r/mi or exit;
  socket my $server, 2, 1, 0 or exit;
  connect $server, pack "Sna4x8", 2, $port, "\x7f\0\0\1" or exit;
  syswrite $server, $head;
  while (sysread $server, my $bytes, 65536) { syswrite $client, $bytes or last }
  exit;
}
