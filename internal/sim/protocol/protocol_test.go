package protocol_test

import (
	"strings"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

func TestRegistrationSurvivesItsEncoding(t *testing.T) {
	want := protocol.Registration{ServerURL: "http://127.0.0.1:1", RunnerID: 1 << 40, RunnerName: "r", WorkFolder: "_work", Secret: "s"}
	encoded := want.Encode()
	if got, err := protocol.Decode(encoded); err != nil || got != want {
		t.Errorf("decoded to %+v, %v", got, err)
	}
	if len(encoded) <= 4096 || len(encoded) > 7<<10 {
		t.Errorf("the config has %d bytes; GitHub's has more than 4096 and must fit into 7 KiB", len(encoded))
	}
}

func TestDecodeDoesNotRepeatWhatItCannotRead(t *testing.T) {
	for _, config := range []string{"", "secret!", "c2VjcmV0", protocol.Registration{Secret: "secret"}.Encode()[4:]} {
		if _, err := protocol.Decode(config); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("decoding %.20q ends with %v", config, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(protocol.Registration{RunnerName: "r"}.Encode())
	f.Fuzz(func(t *testing.T, config string) {
		if r, err := protocol.Decode(config); err != nil && r != (protocol.Registration{}) {
			t.Errorf("an error comes with %+v", r)
		}
	})
}

func TestTitle(t *testing.T) {
	for want, step := range map[string]protocol.Step{
		"Build":      {Name: "Build", Run: "make"},
		"Run make":   {Run: "make"},
		"Run make a": {Run: "\nmake a\nmake b\n"},
	} {
		if got := step.Title(); got != want {
			t.Errorf("title is %q, want %q", got, want)
		}
	}
}
