# What all plots share. Set by bench/report.py: target, kind (svg or png), x_min and x_max, c_NAME for the columns of the data files.
# Colours: Okabe and Ito's, told apart by every kind of colour vision; shapes and dashes say the same again.
font = "DejaVu Sans,16"
if (kind eq "svg") {
    set terminal svg size 1200,750 font font background "#ffffff" dynamic
} else {
    set terminal pngcairo size 1200,750 font font background "#ffffff" linewidth 1
}
set output target
set encoding utf8

BLUE = "#0072B2"; ORANGE = "#D55E00"; GREEN = "#009E73"; GREY = "#7f7f7f"; PURPLE = "#CC79A7"; LIGHT = "#56B4E9"
set style line 1 lc rgb BLUE   lw 3 pt 7 ps 1.2
set style line 2 lc rgb ORANGE lw 3 pt 5 ps 1.2
set style line 3 lc rgb GREEN  lw 3 pt 9 ps 1.4
set style line 9 lc rgb "#000000" lw 2 dt (12,8)

set border 3 lw 1.5 lc rgb "#444444"
set tics nomirror out textcolor rgb "#222222"
set grid ytics lc rgb "#c8c8c8" lw 1
set title font "DejaVu Sans Bold,20" offset 0,0.5
set datafile missing "NaN"

# Sessions stand on a logarithmic axis that ends with the data (x_max); narrow panels have fewer numbers.
sessions_axis = "set logscale x; set xlabel 'sessions at once'; set xrange [x_min/1.1:x_max*1.1]; "
wide_axis = sessions_axis."set xtics (1,2,5,10,20,50,100,200,500,1000,2000,5000,10000)"
narrow_axis = sessions_axis."set xtics (1,'' 2 1,'' 5 1,10,'' 20 1,'' 50 1,100,'' 200 1,'' 500 1,1000,'' 2000 1,'' 5000 1,10000)"
