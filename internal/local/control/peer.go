package control

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// peerKey is where a connection's context has the user at its other end.
type peerKey struct{}

// withPeer keeps who is at the other end of a connection: the system says it, the client
// cannot.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	who := "a user of this machine"
	if uid, ok := peerOf(conn); ok {
		who = userOf(uid)
	}
	return context.WithValue(ctx, peerKey{}, who)
}

// operatorOf is who asks, with the reason that they give.
func operatorOf(r *http.Request) fleet.Operator {
	who, _ := r.Context().Value(peerKey{}).(string)
	return fleet.Operator{By: who, Reason: r.URL.Query().Get(reasonParam)}
}

// ThisUser is the user of this process, as a fleet process would name them.
func ThisUser() string {
	if uid := os.Getuid(); uid >= 0 {
		return userOf(uint32(uid))
	}
	return "a user of this machine" // a system without numbers for users
}

// userOf names a user by name and number: another machine may have given the number to
// somebody else.
func userOf(uid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	found, err := user.LookupId(number)
	if err != nil || found.Username == "" {
		return "uid " + number
	}
	return fmt.Sprintf("%s (uid %s)", found.Username, number)
}
