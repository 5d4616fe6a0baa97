package console

import (
	"context"
	"net/http"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/console/consoletest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

// evil ends an attribute of either kind and an element, and has what does not print.
const evil = "</pre></title></option>\"'><zzz onzzz=1>\u202e\x1b[31m\x00{{.}}" + "\u2028" + "`${1}"

// keep are the fields that records are found by, or that have a fixed set of values.
var keep = []string{
	"RunID", "RunnerID", "JobID", "Status", "Phase", "WaitingFor", "TaskStatus", "Tag", "Key", "Hold", "ID", "RanOn", "For", "Conclusion", "Kind", "Arch", "AdmittedBy", "TaskDefinition", "ImageTag",
}

// poison writes evil into each text of a record.
func poison(v reflect.Value, long string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem(), long)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !slices.Contains(keep, f.Name) {
				poison(v.Field(i), long)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i), long)
		}
	case reflect.String:
		if v.CanSet() {
			switch text := v.String(); {
			case strings.HasPrefix(text, "http"):
				v.SetString("javascript:alert(1)//" + evil)
			default:
				v.SetString(evil + long)
			}
		}
	}
}

// TestNothingHostileIsMoreThanText: whatever texts the records have, each page shows them as
// text, of a bounded size.
func TestNothingHostileIsMoreThanText(t *testing.T) {
	ctx := t.Context()
	store, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := consoletest.Fill(ctx, store, noon); err != nil {
		t.Fatal(err)
	}
	if err := consoletest.FillExecutions(ctx, store.Executions(), noon); err != nil {
		t.Fatal(err)
	}
	runs, err := store.Runs(ctx, 60)
	if err != nil {
		t.Fatal(err)
	}
	runners, err := store.Runners(ctx, 60)
	if err != nil {
		t.Fatal(err)
	}
	images, err := store.Images(ctx)
	if err != nil {
		t.Fatal(err)
	}
	holds, err := store.HoldsBelow(ctx, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 100<<10)
	changes := fleet.Changes{Runs: runs, Runners: runners, Holds: holds, Actions: []fleet.Action{{ID: "9", At: noon, Command: "x", By: "x", Reason: "x", Outcome: "x", Image: "x"}}}
	poison(reflect.ValueOf(&changes.Runs), "")
	poison(reflect.ValueOf(&changes.Runners), "")
	poison(reflect.ValueOf(&changes.Holds), "")
	poison(reflect.ValueOf(&changes.Actions), "")
	changes.Runs[0].Job.Name, changes.Runs[0].Reason, changes.Runners[0].Failure, changes.Runners[0].Reason = evil+long, evil+long, evil+long, evil+"\xff"+long
	capacity, err := store.Capacity(ctx)
	if err != nil {
		t.Fatal(err)
	}
	capacity.Paused, capacity.PausedAt, capacity.OpenOf, capacity.OpenOfRule = evil, noon, map[string]int{evil: 3}, map[string]int{evil: 3}
	changes.Capacity = &capacity
	if err := store.Write(ctx, changes); err != nil {
		t.Fatal(err)
	}
	for _, i := range images {
		poison(reflect.ValueOf(&i), "")
		if err := store.PutImage(ctx, i); err != nil {
			t.Fatal(err)
		}
	}
	settings, err := store.Settings(ctx)
	if err != nil {
		t.Fatal(err)
	}
	settings.Repositories, settings.FleetName, settings.DefaultClass = append(settings.Repositories, evil), evil, evil
	settings.ClassSizes[evil] = settings.ClassSizes["small"]
	if err := store.PutSettings(ctx, settings); err != nil {
		t.Fatal(err)
	}
	for _, changing := range []bool{false, true} {
		c := newBusy(t, func(o *Options) {
			o.Records, o.Place = store, evil
			o.OpenLog = func(context.Context, string) (Log, error) { return lines{evil, evil + long, "\xff\xfe"}, nil }
			if changing {
				o.Operator = &operator{}
			}
		})
		hostile(t, c, runs, runners)
	}
}

var breaks = regexp.MustCompile(`(?i)<zzz|<[a-z][^<>"]*(?:"[^"]*"[^<>"]*)*\sonzzz=|<script>|(?:href|src|action)="javascript|\x1b|\x00|\x{202e}`)

func hostile(t *testing.T, c *Console, runs []fleet.Run, runners []fleet.Runner) {
	t.Helper()
	query := "?q=%22%3E%3Czzz+onzzz%3D1%3E&status=%22%3E%3Czzz%3E&state=%3Czzz%3E&failure=%3Czzz%3E&repository=%3Czzz%3E&labels=%3Czzz%3E,%22onzzz%3D&event=%22%3E%3Czzz%3E&branch=%3Czzz%3E&sort=%3Czzz%3E"
	all := []string{"/nowhere/%3Czzz%3E", "/runs/%3Czzz%3E", "/runners/%22%3E%3Czzz%3E"}
	for _, item := range menu {
		all = append(all, item.Href, item.Href+query)
	}
	for _, r := range runs {
		all = append(all, "/runs/"+r.RunID)
	}
	for _, r := range runners {
		all = append(all, "/runners/"+r.RunnerID)
	}
	for _, at := range all {
		if t.Failed() {
			return // the others have the same
		}
		status, body := get(t, c, at)
		if status >= http.StatusInternalServerError {
			t.Errorf("%s: %d\n%.600s", at, status, body)
		}
		if found := breaks.FindStringIndex(body); found != nil {
			t.Errorf("%s has %q", at, body[max(0, found[0]-160):min(len(body), found[1]+60)])
		}
		if !utf8.ValidString(body) || len(body) > 512<<10 {
			t.Errorf("%s has %d bytes, of UTF-8: %t", at, len(body), utf8.ValidString(body))
		}
	}
}
