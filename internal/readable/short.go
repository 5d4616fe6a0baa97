package readable

// longest is the most letters of a stranger's name in a table that groups by it.
const longest = 48

// Short is a name of 48 letters at most.
func Short(name string) string {
	if r := []rune(name); len(r) > longest {
		return string(r[:longest-1]) + "…"
	}
	return name
}
