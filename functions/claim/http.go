package claim

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// maxBody is the most bytes of a claim's body: a nonce and an identity in JSON, with a
// session token whose length AWS does not state.
const maxBody = 16 << 10

const notANonce = "the body of a claim is a JSON object with a nonce"

// ServeHTTP serves POST /runners/{id}/claim, with {id} from the pattern.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body fleet.ClaimRequest
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		err = json.Unmarshal(raw, &body)
	}
	if err != nil {
		write(w, refuse(http.StatusBadRequest, "", notANonce))
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	write(w, h.Handle(r.Context(), Request{
		RunnerID: r.PathValue("id"), Token: token, Nonce: body.Nonce, Identity: body.Identity, Address: from.Addr(),
	}))
}

func write(w http.ResponseWriter, reply Reply) {
	for name, value := range reply.header() {
		w.Header().Set(name, value)
	}
	w.WriteHeader(reply.Status)
	_ = json.NewEncoder(w).Encode(reply.Body) // an error means that the client is gone
}

func (r Reply) header() map[string]string {
	header := map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"}
	if r.RetryAfter > 0 {
		header["Retry-After"] = strconv.Itoa(int(math.Ceil(r.RetryAfter.Seconds())))
	}
	return header
}
