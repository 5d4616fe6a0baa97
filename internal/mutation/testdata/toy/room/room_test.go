package room

import "testing"

func TestEnter(t *testing.T) {
	for name, guests := range map[string]int{"full": Most} {
		t.Run(name, func(t *testing.T) {
			if got := Enter(guests); got != guests {
				t.Errorf("%d guests after %d", got, guests)
			}
		})
	}
}

func TestLeave(t *testing.T) {
	if got := Leave(0); got != 0 {
		t.Errorf("%d guests after none", got)
	}
}
