package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// A reader learns from the version whether the fleet has written.
func TestDataVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	writer, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	reader, err := OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	version := func() int64 {
		t.Helper()
		v, err := reader.DataVersion(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := version()
	if again := version(); again != first {
		t.Errorf("the version changed from %d to %d, and nothing was written", first, again)
	}
	if err := writer.Write(t.Context(), fleet.Changes{Capacity: &fleet.Capacity{Open: 1}}); err != nil {
		t.Fatal(err)
	}
	if after := version(); after == first {
		t.Errorf("the version is %d before and after a change", after)
	}
}
