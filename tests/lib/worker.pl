# A worker for brink in Perl, written from engine/model/PROTOCOL.md alone: the sum of each picture's samples; "odd" for a picture
# whose first sample is 7. SPDX-License-Identifier: MIT
use strict;
use warnings;
use JSON::PP;

open(my $in, '<&=', 0) or die $!;
open(my $out, '>&', \*STDOUT) or die $!;
open(STDOUT, '>&', \*STDERR) or die $!; # what is printed does not come between the frames
binmode $in;
binmode $out;

sub take {
  my ($n) = @_;
  my $data = '';
  while (length($data) < $n) {
    my $got = sysread($in, $data, $n - length($data), length($data));
    return undef unless $got;
  }
  return $data;
}

sub give {
  my $text = encode_json($_[0]);
  my $frame = pack('V', length $text) . $text;
  my $at = 0;
  while ($at < length $frame) { $at += syswrite($out, $frame, length($frame) - $at, $at) // die $!; }
}

print "ready\n";
give({ brink => 1, name => 'sums', version => '1', batch => 4, shared => JSON::PP::true });
while (defined(my $size = take(4))) {
  my $head = decode_json(take(unpack 'V', $size));
  my $data = '';
  if ($head->{shared}) {
    open(my $memory, '<', '/proc/self/fd/3') or die $!;
    binmode $memory;
    read($memory, $data, $head->{shared}) == $head->{shared} or die 'shared memory';
  } elsif ($head->{bytes}) {
    $data = take($head->{bytes});
  }
  my ($n, $h, $w, $c) = @{ $head->{shape} };
  my $each = length($data) / $n;
  my (@result, @errors);
  for my $k (0 .. $n - 1) {
    my $picture = substr $data, $k * $each, $each;
    my $first = ord $picture;
    my $sum = $head->{dtype} eq 'u8' ? unpack('%32C*', $picture) : int(eval { my $s = 0; $s += $_ for unpack('f<*', $picture); $s });
    push @result, $first == 7 ? undef : $sum;
    push @errors, $first == 7 ? 'odd' : undef;
  }
  give({ id => $head->{id}, result => \@result, errors => \@errors });
}
