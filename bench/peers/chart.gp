# bench/run peers --chart: `data` holds two blocks (what survives a power cut, and what may not) of
# lines: title, colour, enqueue, drain, mixed, wake. Bars of one panel share a logarithmic scale.
set terminal svg size 1280,760 dynamic font "sans,12" background "#ffffff"
set output picture
set datafile separator "\t"
set style fill solid noborder
set border 0
set tics nomirror scale 0
set grid xtics linecolor rgb "#e3e6e8"
set logscale x
set yrange [*:*] reverse
unset key

array title[4] = ["enqueue, jobs/s", "drain, jobs/s", "mixed, jobs/s", "wake p50, ms (less is better)"]
array left[4] = [0.19, 0.40, 0.61, 0.82]
array heading[2] = ["synced before the acknowledgement", "synced later"]
array low[2] = [0.55, 0.06]
array high[2] = [0.93, 0.44]

set multiplot
do for [block = 1:2] {
  set bmargin at screen low[block]
  set tmargin at screen high[block]
  do for [panel = 1:4] {
    set lmargin at screen left[panel]
    set rmargin at screen left[panel] + 0.165
    set title (panel == 1 ? heading[block] . ": " : "") . title[panel]
    if (panel == 4) { set xrange [0.05:2000] } else { set xrange [100:1000000] }
    origin = panel == 4 ? 0.05 : 100
    if (panel == 1) {
      plot data index block - 1 using (column(panel + 2)):0:(origin):(column(panel + 2)):($0 - 0.38):($0 + 0.38):(column(2)):ytic(1) with boxxyerror linecolor rgb variable
    } else {
      set ytics format ""
      plot data index block - 1 using (column(panel + 2)):0:(origin):(column(panel + 2)):($0 - 0.38):($0 + 0.38):(column(2)) with boxxyerror linecolor rgb variable
    }
    set ytics format "%h"
  }
}
unset multiplot
