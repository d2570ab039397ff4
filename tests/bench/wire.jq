# SPDX-License-Identifier: GPL-2.0
#
# wire.jq - from the measurements of wire.sh, one object each, to its document. A row of
# which a round let more than 5 % pass, or lost it, says nothing: no ratio is made of it.
# A ratio is that of two receivers in the same round; the median of them is the figure.

def median:
  sort | if length == 0 then null
         else (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2 end;
def thousandths: . * 1000 | round / 1000;

def rows:
  group_by([.sources, .receiver, .path])
  | map(sort_by(.round)
        | {receiver: .[0].receiver, path: .[0].path, sources: .[0].sources,
           mpps: (map(.mpps) | median | thousandths),
           rounds: map(.mpps | thousandths),
           refused: (map(.refused) | min),
           valid: all(.refused >= 0.95)});

# Of the paths of a receiver the better one.
def row($sources; $receiver):
  map(select(.sources == $sources and .receiver == $receiver)) | max_by([.valid, .mpps]);

# compared(a; b; f): f of [Mpps of a, Mpps of b], over the rounds.
def compared($a; $b; f):
  if $a.valid and $b.valid
  then [$a.rounds, $b.rounds] | transpose | map(f) | median | thousandths
  else null end;
def ratio($a; $b): compared($a; $b; .[0] / .[1]);

def figure($name; $least; $value):
  {$name, reach: ">= \($least)", $value,
   reached: (if $value == null then null else $value >= $least end)};

def times($least; $a; $b):
  figure("on the wire, 1 M sources, times \($b.receiver) (\($b.path))"; $least; ratio($a; $b));

rows as $rows
| {name: "wire",
   rows: [$rows[] | . as $row | ($rows | row($row.sources; "drop")) as $drop
          | . + {of_drop: ratio($row; $drop),
                 ns_above_drop: compared($row; $drop; 1000 / .[0] - 1000 / .[1])}],
   $skipped,
   figures: [
     figure("on the wire, 1 k sources, of bare XDP drop"; 0.85;
            ratio($rows | row(1024; "crmgate"); $rows | row(1024; "drop"))),
     ($rows | row(1048576; "crmgate")) as $crmgate
     | ["nftables", 2.8], ["hashlimit", 2]
     | . as [$other, $least]
     | times($least; $crmgate;
             ($rows | row(1048576; $other)) // {receiver: $other, path: "skipped"})]}
