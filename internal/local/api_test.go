package local

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// A name that leads here may be a stranger's; an address is this machine's own.
func TestTheRecordsAreServedToThisMachinesNames(t *testing.T) {
	served := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for host, status := range map[string]int{
		"127.0.0.1:8081": 204, "[::1]:8081": 204, "localhost:8081": 204, "LOCALHOST": 204, "192.168.1.7:8081": 204, "127.0.0.1": 204, "[::1]": 204,
		"box.example:8081": 204, "BOX.example": 204,
		"attacker.example": 421, "attacker.example:8081": 421, "localhost.attacker.example": 421, "127.0.0.1.attacker.example": 421, "": 421, "localhost:8081:1": 421,
	} {
		r := httptest.NewRequest("GET", "/api/runs", nil)
		r.Host = host
		w := httptest.NewRecorder()
		onlyAs("box.example", served).ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("Host %q: status %d, want %d", host, w.Code, status)
		}
	}
	r := httptest.NewRequest("GET", "/api/runs", nil)
	r.Host = ""
	w := httptest.NewRecorder()
	if onlyAs("", served).ServeHTTP(w, r); w.Code != 421 {
		t.Errorf("no Host and no name of this server: status %d", w.Code)
	}
}

func TestTheRecordsHaveAnAddressOfTheirOwn(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  Config
		want string
	}{
		"the port after the fleet's":   {Config{Listen: "127.0.0.1:8080"}, "127.0.0.1:8081"},
		"loopback, whoever is served":  {Config{Listen: "0.0.0.0:9000"}, "127.0.0.1:9001"},
		"a free port, if that is free": {Config{Listen: "127.0.0.1:0"}, "127.0.0.1:0"},
		"as asked for":                 {Config{Listen: "127.0.0.1:0", APIListen: "[::1]:9"}, "[::1]:9"},
	} {
		if got, err := (&Fleet{cfg: test.cfg}).apiAddress(); err != nil || got != test.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, test.want)
		}
	}
	if _, err := (&Fleet{cfg: Config{Listen: "nonsense"}}).apiAddress(); err == nil {
		t.Error("nonsense is an address")
	}
}
