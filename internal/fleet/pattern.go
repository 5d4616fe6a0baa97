package fleet

// PatternsMeet reports whether there is a text that two patterns both fit, ignoring case.
// In each * is any text.
func PatternsMeet(a, b string) bool {
	// meets[j] is whether what is left of a and b[j:] meet; a is taken from its end.
	meets := make([]bool, len(b)+1)
	for i := len(a); i >= 0; i-- {
		last := meets
		meets = make([]bool, len(b)+1)
		for j := len(b); j >= 0; j-- {
			starA, starB := i < len(a) && a[i] == '*', j < len(b) && b[j] == '*'
			switch {
			case i == len(a) && j == len(b):
				meets[j] = true
			case starA: // it ends here, or takes what b has next
				meets[j] = last[j] || j < len(b) && meets[j+1]
			case starB:
				meets[j] = meets[j+1] || i < len(a) && last[j]
			default:
				meets[j] = i < len(a) && j < len(b) && lower(a[i]) == lower(b[j]) && last[j+1]
			}
		}
	}
	return meets[0]
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
