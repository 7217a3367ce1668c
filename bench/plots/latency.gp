# Latency against sessions, one share of speaking sessions. data, speaking
load common
set title "Latency against sessions, ".speaking." % of them speaking"
eval wide_axis
set logscale y
set ylabel "milliseconds"
set yrange [0.1:*]
set ytics (0.1,0.2,0.5,1,2,5,10,20,50,100,200,500,'1 s' 1000,'2 s' 2000,'5 s' 5000,'10 s' 10000,'20 s' 20000)
set key outside bottom center horizontal Left reverse maxcols 2 samplen 3 spacing 1.2
set arrow 1 from graph 0, first 20 to graph 1, first 20 nohead ls 9
set label 1 "bound: 20 ms added by the server at p99" at graph 0.01, first 20 offset 0,0.7 textcolor rgb "#000000"
plot data using 1:c_translation_p99 with linespoints ls 2 title "final translation, p99", \
     data using 1:c_transcript_p99 with linespoints ls 1 title "final transcript, p99", \
     data using 1:c_server_p99 with linespoints ls 3 title "added by the server, p99", \
     data using 1:c_translation_p50 with linespoints ls 2 lw 2 dt (5,4) pt 4 title "final translation, p50", \
     data using 1:c_transcript_p50 with linespoints ls 1 lw 2 dt (5,4) pt 6 title "final transcript, p50", \
     data using 1:c_server_p50 with linespoints ls 3 lw 2 dt (5,4) pt 8 title "added by the server, p50"
