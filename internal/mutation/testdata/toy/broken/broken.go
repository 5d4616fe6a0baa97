// Package broken has a test that fails without any change.
package broken

// Answer is wrong.
func Answer() int { return 41 }
