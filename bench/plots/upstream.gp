# What a session asks of the chat API in a minute, against sessions. files, shares
load common
set multiplot layout 1,2 title "Asked of the chat API, a session and minute" font "DejaVu Sans Bold,20" margins 0.085,0.965,0.12,0.76 spacing 0.11,0.1
eval narrow_axis
set title font "DejaVu Sans,17" offset 0,-0.4
set yrange [0:*]
set key at screen 0.5,0.89 center horizontal maxrows 1 samplen 3
set title "requests a minute"
plot for [i=1:words(files)] word(files, i) using 1:c_requests_minute with linespoints ls i title word(shares, i)." % speaking"
set key off
set title "thousand tokens a minute"
plot for [i=1:words(files)] word(files, i) using 1:(column(c_tokens_minute)/1000) with linespoints ls i notitle
unset multiplot
