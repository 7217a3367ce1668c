# Flicker against latency of partial translations; a point for each way of showing them. data: name, latency ms, erasure
load common
set title "Partial translations: how soon a word stands, how often words are taken back" font "DejaVu Sans Bold,18"
set xlabel "audio of a word to its translation shown for good, median, seconds"
set ylabel "normalised erasure: words taken back, a word of the final"
set format y '%g'
set format x '%g'
set yrange [0:*]
set offsets graph 0.12, graph 0.25, graph 0.08, graph 0
set key off
plot data using ($2/1000):3 with points ls 1 pt 7 ps 2, \
     data using ($2/1000):3:1 with labels left offset 1.4,0.6 notitle
