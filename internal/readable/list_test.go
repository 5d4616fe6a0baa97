package readable

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var someColumns = []Column{{Name: "ID"}, {Name: "NAME", Least: 6}, {Name: "NOTE", Least: 5, Drop: 2}, {Name: "MORE", Drop: 1}}

func listed(t *testing.T, screen Screen, rows ...[]any) string {
	t.Helper()
	var out bytes.Buffer
	list := NewList(&out, screen, someColumns...)
	for _, row := range rows {
		list.Row(row...)
	}
	if err := list.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestAListOnATerminal(t *testing.T) {
	rows := [][]any{{"id-1", "a name that is long", "a note that is long", 12}, {"id-2", "構築のジョブ", "", 7}}
	for name, c := range map[string]struct {
		width int
		want  []string
	}{
		"with room for all":              {80, []string{"ID    NAME                 NOTE                 MORE", "id-1  a name that is long  a note that is long  12", "id-2  構築のジョブ         -                    7"}},
		"names are cut by their width":   {40, []string{"ID    NAME           NOTE           MORE", "id-1  a name that …  a note that …  12", "id-2  構築のジョブ   -              7"}},
		"what may be dropped, is":        {20, []string{"ID    NAME      MORE", "id-1  a name …  12", "id-2  構築の…   7"}},
		"until what must stay is left":   {13, []string{"ID    NAME", "id-1  a name…", "id-2  構築の…"}},
		"and that is shown in any width": {3, []string{"ID    NAME", "id-1  a nam…", "id-2  構築…"}},
	} {
		got := strings.Split(strings.TrimSuffix(listed(t, Screen{Width: c.width}, rows...), "\n"), "\n")
		for i, line := range got {
			got[i] = strings.TrimRight(line, " ")
			if width := Width(got[i]); width > max(c.width, 12) {
				t.Errorf("%s: %d columns: %s", name, width, line)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAnEmptyColumnIsLeftOut(t *testing.T) {
	if got := listed(t, Screen{Width: 80}, []any{"id-1", "", "", 1}); got != "ID    NAME  MORE\nid-1  -     1\n" {
		t.Errorf("%q", got)
	}
}

func TestAListInAPipe(t *testing.T) {
	got := listed(t, Screen{}, []any{"id-1", strings.Repeat("long ", 50) + "a\tb\nc\x1b[31m", "", 1}, []any{"id-2", Coloured{"red", "31"}, "", 2})
	want := "id-1\t" + strings.Repeat("long ", 50) + "a b c [31m\t\t1\nid-2\tred\t\t2\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := listed(t, Screen{Colour: true}, []any{"id-2", Coloured{"red", "31"}, Coloured{"", "31"}, 2}); got != "id-2\t\x1b[31mred\x1b[0m\t\t2\n" {
		t.Errorf("with colour forced: %q", got)
	}
}

func TestAColourTakesNoRoom(t *testing.T) {
	rows := [][]any{{"id-1", Coloured{"a name that is long", "31"}, "x", 1}, {"id-2", "b", "x", 1}}
	plain, coloured := listed(t, Screen{Width: 24}, rows...), listed(t, Screen{Width: 24, Colour: true}, rows...)
	if got := strings.NewReplacer("\x1b[31m", "", "\x1b[0m", "").Replace(coloured); got != plain || got == coloured {
		t.Errorf("%q, without colours %q", coloured, plain)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestAListThatCannotBeWritten(t *testing.T) {
	for _, screen := range []Screen{{}, {Width: 80}} {
		list := NewList(broken{}, screen, someColumns...)
		list.Row("id", "name", "", "")
		if err := list.Flush(); err == nil {
			t.Errorf("%+v: no error", screen)
		}
	}
}
