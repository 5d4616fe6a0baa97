package readable

import "strconv"

// Grouped is a number with a comma at each thousand.
func Grouped(n int) string {
	text := strconv.Itoa(n)
	sign := len(text) - len(strconv.Itoa(max(n, -n)))
	for at := len(text) - 3; at > sign; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
