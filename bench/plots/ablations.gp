# The same load with one part of the server switched off at a time. data (first row: everything on), rows, sessions
load common
set multiplot layout 1,4 title "With parts switched off, ".sessions." sessions" font "DejaVu Sans Bold,20" margins 0.19,0.98,0.04,0.82 spacing 0.03,0.1
set title font "DejaVu Sans,16" offset 0,-0.4
set style fill solid 1 noborder
set xrange [0:*]
set yrange [rows-0.4:-0.6]
set offsets 0, graph 0.45, 0, 0 # room for the number behind the longest bar
set border 2
unset grid
unset xtics
set key off
colour(row) = row == 0 ? 0x0072B2 : 0xE69F00
number(value) = sprintf(value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value)
bars = "data using (column(c)/2):0:(column(c)/2):(0.33):(colour(int($0))) with boxxyerror lc rgb variable"
numbers = "data using c:0:(number(column(c)))"
places = "with labels left offset 0.5,0"
array columns[4] = [c_server_p99, c_translation_p99, c_started_p99, c_cpu_ms]
array titles[4] = ["added by the server,\np99, ms", "final translation,\np99, ms", "session start,\np99, ms", "CPU a session,\nms a second"]
do for [i=1:4] {
    c = columns[i]
    set title titles[i]
    # The names stand at the first panel only.
    if (i == 1) {
        set ytics scale 0
        plot @bars, @numbers:ytic(1) @places
    } else {
        unset ytics
        plot @bars, @numbers @places
    }
}
unset multiplot
