// Package room counts guests.
package room

// Most is how many guests there may be.
const Most = 3

// Enter lets a guest in if there is room.
func Enter(guests int) int {
	if guests == Most {
		return guests
	}
	return guests + 1
}

// Leave lets a guest out.
func Leave(guests int) int { return max(0, guests-1) }

// Free is how much room there is.
func Free(guests int) int {
	if guests >= Most {
		return 0
	}
	return Most - guests
}
