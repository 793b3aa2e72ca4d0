# Counts processes by the kernel's process accounting (acct(5)), which costs a write of 64 bytes for each that ends.
#
#   processes.pl start FILE    begins to account all processes of this process namespace
#   processes.pl read FILE     prints `ended PID PARENT NAME` of each that has ended since then,
#                              and `runs PID PARENT NAME` of each that runs
use strict;
my ($command, $file) = @ARGV;
if ($command eq "start") {
  open my $new, ">", $file or die "$file: $!";
  syscall(163, $file) == 0 or die "acct: $!";
  exit;
}
open my $records, "+<:raw", $file or die "$file: $!";
while (read $records, my $record, 64) {
  # struct acct_v3 of linux/acct.h
  my (undef, $version, undef, undef, undef, undef, $pid, $parent) = unpack "CCSLLLLL", $record;
  die "unknown version $version of process accounting" if $version != 3;
  printf "ended %d %d %s\n", $pid, $parent, unpack "Z16", substr $record, 48;
}
truncate $records, 0;
for my $stat (glob "/proc/[0-9]*/stat") {
  open my $process, "<", $stat or next;
  if (<$process> =~ /^(\d+) \((.*)\) \S+ (\d+)/) { print "runs $1 $3 $2\n" }
}
