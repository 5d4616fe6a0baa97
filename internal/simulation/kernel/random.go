package kernel

import (
	"hash/fnv"
	"time"
)

// Random is a number in [0,1) from the stream of that name. Streams do not disturb
// each other: what one purpose draws does not change what another gets.
func (k *Kernel) Random(stream string) float64 {
	return float64(k.draw(stream)>>11) / (1 << 53)
}

// Int is a number in [0,n).
func (k *Kernel) Int(stream string, n int) int { return int(k.Random(stream) * float64(n)) }

// Between is a time between two.
func (k *Kernel) Between(stream string, least, most time.Duration) time.Duration {
	return least + time.Duration(k.Random(stream)*float64(most-least))
}

// Chance is true with a probability.
func (k *Kernel) Chance(stream string, p float64) bool { return p > 0 && k.Random(stream) < p }

func (k *Kernel) draw(stream string) uint64 {
	n := k.draws[stream]
	k.draws[stream] = n + 1
	return Mix(k.seed, stream, n)
}

// Mix is a number that depends on all three and looks like chance.
func Mix(seed uint64, stream string, n uint64) uint64 {
	h := fnv.New64a()
	h.Write([]byte(stream))
	x := seed ^ h.Sum64() + (n+1)*0x9e3779b97f4a7c15
	// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014), twice.
	for range 2 {
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		x ^= x >> 31
	}
	return x
}
