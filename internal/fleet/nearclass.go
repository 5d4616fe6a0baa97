package fleet

import "fmt"

// nearestClass says which class a job may have meant that names an unknown one, "" if none
// is close.
func (p Policy) nearestClass(name string) string {
	best, least := "", len(name)/3+1
	for _, class := range p.classNames() {
		if d := EditDistance(name, class); d < least {
			best, least = class, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", QuoteShort(classPrefix+best))
}

// EditDistance counts the letters to add, drop, change or swap with their neighbour
// to get from a to b.
func EditDistance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
