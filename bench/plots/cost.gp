# The server's CPU and memory against sessions, all and a session; a curve for each share of speaking. files, shares
load common
set multiplot layout 2,2 title "What the server takes, against sessions" font "DejaVu Sans Bold,20" margins 0.085,0.965,0.11,0.85 spacing 0.1,0.16
eval narrow_axis
set title font "DejaVu Sans,17" offset 0,-0.4
set key off
unset xlabel
set logscale y
set format y '%g'
set title "CPU, % of one core"
set key top left Left reverse samplen 2
plot for [i=1:words(files)] word(files, i) using 1:c_cpu_percent with linespoints ls i title word(shares, i)." % speaking"
set key off
set title "resident memory, MB"
plot for [i=1:words(files)] word(files, i) using 1:c_rss_mb with linespoints ls i notitle
set xlabel "sessions at once"
set title "CPU a session, ms a second"
plot for [i=1:words(files)] word(files, i) using 1:c_cpu_ms with linespoints ls i notitle
set title "resident memory a session, KB"
plot for [i=1:words(files)] word(files, i) using 1:c_rss_session_kb with linespoints ls i notitle
unset multiplot
