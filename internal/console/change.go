package console

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// longestChange bounds how long a change may take.
const longestChange = 30 * time.Second

// change does what a form asks for. It is a POST with the token that only the console's own
// pages have.
func (c *Console) change(w http.ResponseWriter, r *http.Request) {
	switch {
	case c.Operator == nil:
		c.refuse(w, http.StatusForbidden, "This console changes nothing.", "To change the fleet here, start it with --allow-changes.", "/")
		return
	case subtle.ConstantTimeCompare([]byte(r.PostFormValue("token")), []byte(c.token)) != 1:
		c.refuse(w, http.StatusForbidden, "The page is of another console, or of one that was started before.", "Go back, reload the page and try again.", "/")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), longestChange)
	defer cancel()
	said, err := c.carryOut(ctx, r.PostFormValue("do"), r.PostFormValue("id"), fleet.Clip(strings.TrimSpace(r.PostFormValue("reason")), fleet.MostReason), r.PostFormValue("force") == "yes")
	back := ownAddress(r.PostFormValue("back"))
	switch {
	case errors.As(err, new(mistake)):
		c.refuse(w, http.StatusBadRequest, "It was not done: "+err.Error(), "", back)
		return
	case errors.As(err, new(report.NotFound)):
		c.refuse(w, http.StatusNotFound, "It was not done: "+err.Error(), "", back)
		return
	case err != nil:
		c.refuse(w, http.StatusBadGateway, "It was not done: "+err.Error(), "See what is wrong with: ecsrunner doctor"+c.Flags, back)
		return
	}
	c.live.change()
	if said == "" {
		http.Redirect(w, r, back, http.StatusSeeOther)
		return
	}
	c.refuse(w, http.StatusOK, said, "", back)
}

// ownAddress is an address of these pages, "/" for any other. A browser leaves out tabs and
// line ends of an address, and reads \ as /, and two of these begin the name of a host.
func ownAddress(address string) string {
	u, err := url.Parse(address) // refuses what does not print
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(address, "/") || strings.ContainsRune(address, '\\') || path.Clean(u.Path) != u.Path {
		return "/"
	}
	return u.RequestURI()
}

// carryOut asks the fleet for a change. It returns what the viewer has to read, "" if the
// page shows it.
func (c *Console) carryOut(ctx context.Context, what, id, reason string, force bool) (string, error) {
	by := fleet.Operator{Reason: reason}
	switch what {
	case "pause":
		if reason == "" {
			return "", mistake("pause the fleet: a reason is needed, which the jobs that wait show")
		}
		_, err := c.Operator.Pause(ctx, by)
		return "", err
	case "resume":
		_, err := c.Operator.Resume(ctx, by)
		return "", err
	case "retry":
		result, err := c.Operator.Retry(ctx, id, by)
		return result.Message, err
	case "terminate":
		result, err := c.Operator.Terminate(ctx, id, force, by)
		if err == nil && result.Done() {
			return "", nil
		}
		return result.Message, err
	}
	return "", mistake(fmt.Sprintf("there is no change %q", say(what)))
}

// mistake is what is wrong with a form.
type mistake string

func (m mistake) Error() string { return string(m) }

func (c *Console) refuse(w http.ResponseWriter, status int, says, do, back string) {
	title := "Not done"
	if status == http.StatusOK {
		title = "The fleet answers"
	}
	said := problem{Says: say(says), Links: []link{{"/", "The fleet"}}}
	if back != "/" {
		said.Links = append([]link{{back, "Back"}}, said.Links...)
	}
	if do != "" {
		said.Do = []string{do}
	}
	p := page{Title: title, Status: status, Regions: []region{{ID: "trouble", Template: "trouble", Data: said, Wide: true}}}
	if err := c.render(&p, false); err != nil {
		http.Error(w, says, status)
		return
	}
	c.write(w, p, "")
}
