# bench/run --chart: `data` holds two blocks (what survives a power cut, and what may not) of lines:
# title, colour, enqueue, drain, mixed, wake, blank; `counts` is how many lines each has.
set terminal svg size 1280,760 dynamic font "sans,12" background "#ffffff"
set output picture
set datafile separator "\t"
set style fill solid noborder
set border 0
set tics nomirror scale 0
set grid xtics linecolor rgb "#e3e6e8"
set logscale x
unset key

array title[4] = ["enqueue, jobs/s", "drain, jobs/s", "mixed, jobs/s", "wake, p50 ms: less is better"]
array left[4] = [0.23, 0.43, 0.63, 0.83]
array heading[2] = ["Synced before the acknowledgement: a power cut loses no job", \
                    "Synced later: a power cut may lose the newest jobs"]
array low[2] = [0.56, 0.06]
array high[2] = [0.91, 0.41]

set multiplot
do for [block = 1:2] {
  set bmargin at screen low[block]
  set tmargin at screen high[block]
  set yrange [word(counts, block) - 0.5 : -0.5]
  set label 1 heading[block] at screen 0.01, screen high[block] + 0.065 font ",14"
  do for [panel = 1:4] {
    set lmargin at screen left[panel]
    set rmargin at screen left[panel] + 0.155
    set title title[panel]
    if (panel == 4) {
      set xrange [0.05:2000]
      set format x "%g"
    } else {
      set xrange [100:3000000]
      set format x "%.0s%c"
    }
    named = panel == 1 ? 1 : 7
    origin = panel == 4 ? 0.05 : 100
    plot data index block - 1 using \
      (column(panel + 2)):0:(origin):(column(panel + 2)):($0 - 0.38):($0 + 0.38):(column(2)):ytic(named) \
      with boxxyerror linecolor rgb variable
    unset label 1
  }
}
unset multiplot
