package local

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

func TestHealth(t *testing.T) {
	full := errors.New("the disk is full")
	for name, test := range map[string]struct {
		change func(*Fleet)
		status string
		code   int
		says   string
	}{
		"all is well":                  {func(*Fleet) {}, "ok", http.StatusOK, ""},
		"records cannot be written":    {func(f *Fleet) { f.troubles.note(&f.troubles.write, full) }, "failing", http.StatusServiceUnavailable, "write: the disk is full"},
		"records can be written again": {func(f *Fleet) { f.troubles.note(&f.troubles.write, full); f.troubles.note(&f.troubles.write, nil) }, "ok", http.StatusOK, ""},
		"records cannot be read":       {func(f *Fleet) { f.store.Close() }, "failing", http.StatusServiceUnavailable, ""},
		"a sweep left something":       {func(f *Fleet) { f.troubles.note(&f.troubles.sweep, full) }, "ok", http.StatusOK, "sweep: the disk is full"},
		"it stops":                     {func(f *Fleet) { f.stopping.Store(true) }, "stopping", http.StatusServiceUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), sqlite.FileName))
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			f := &Fleet{store: store, cfg: Config{Policy: fleet.Policy{FleetName: "test"}}}
			test.change(f)
			h := f.Health(t.Context())
			var says []string
			if h.LastWriteError != nil {
				says = append(says, "write: "+h.LastWriteError.Error)
			}
			if h.LastSweepError != nil {
				says = append(says, "sweep: "+h.LastSweepError.Error)
			}
			if h.Status != test.status || httpStatus(h) != test.code || strings.Join(says, " ") != test.says || h.FleetName != "test" {
				t.Errorf("%d %+v %q", httpStatus(h), h, says)
			}
		})
	}
}
