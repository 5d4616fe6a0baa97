package sim

import (
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/protocol"
)

const (
	docsURL          = "https://docs.github.com/rest"
	secondaryDocsURL = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
)

// routes serves the REST API at the root, as api.github.com does; ServeHTTP
// also serves it under /api/v3, as GitHub Enterprise Server does.
func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	const repo = "/repos/{owner}/{repo}"
	const org = "/orgs/{owner}"
	const enterprise = "/enterprises/{enterprise}"
	for pattern, h := range map[string]apiHandler{
		"GET " + repo: s.getRepository,
		"POST " + repo + "/actions/runners/generate-jitconfig":                s.postJITConfig,
		"GET " + repo + "/actions/runners":                                    s.listRunners,
		"GET " + repo + "/actions/runners/downloads":                          s.listDownloads,
		"GET " + repo + "/actions/runners/{runner_id}":                        s.getRunner,
		"DELETE " + repo + "/actions/runners/{runner_id}":                     s.deleteRunnerByID,
		"GET " + repo + "/actions/jobs/{job_id}":                              s.getJob,
		"GET " + repo + "/actions/runs":                                       s.listRuns,
		"GET " + repo + "/actions/runs/{run_id}":                              s.getRun,
		"GET " + repo + "/actions/runs/{run_id}/jobs":                         s.listRunJobs,
		"GET " + repo + "/actions/runs/{run_id}/attempts/{attempt}/jobs":      s.listRunJobs,
		"POST " + repo + "/actions/runs/{run_id}/cancel":                      s.cancelRun,
		"POST " + repo + "/actions/runs/{run_id}/rerun-failed-jobs":           s.rerunFailedJobs,
		"GET " + repo + "/hooks":                                              s.listHooks,
		"GET " + repo + "/hooks/{hook_id}/deliveries":                         s.listDeliveries,
		"GET " + repo + "/hooks/{hook_id}/deliveries/{delivery_id}":           s.getDelivery,
		"POST " + repo + "/hooks/{hook_id}/deliveries/{delivery_id}/attempts": s.postAttempt,
		"POST " + repo + "/hooks/{hook_id}/pings":                             s.postPing,
		"POST " + repo + "/hooks":                                             s.postHook,
		"PATCH " + repo + "/hooks/{hook_id}":                                  s.patchHook,
		"GET " + org + "/hooks":                                               s.listHooks,
		"POST " + org + "/hooks":                                              s.postHook,
		"PATCH " + org + "/hooks/{hook_id}":                                   s.patchHook,
		"GET " + org + "/hooks/{hook_id}/deliveries":                          s.listDeliveries,
		"GET " + org + "/hooks/{hook_id}/deliveries/{delivery_id}":            s.getDelivery,
		"POST " + org + "/hooks/{hook_id}/deliveries/{delivery_id}/attempts":  s.postAttempt,
		"POST " + org + "/hooks/{hook_id}/pings":                              s.postPing,
		"POST " + org + "/actions/runners/generate-jitconfig":                 s.postJITConfig,
		"GET " + org + "/actions/runners":                                     s.listRunners,
		"GET " + org + "/actions/runners/downloads":                           s.listDownloads,
		"GET " + org + "/actions/runners/{runner_id}":                         s.getRunner,
		"DELETE " + org + "/actions/runners/{runner_id}":                      s.deleteRunnerByID,
		"GET " + org + "/actions/runner-groups":                               s.listRunnerGroups,
		"POST " + enterprise + "/actions/runners/generate-jitconfig":          s.postJITConfig,
		"GET " + enterprise + "/actions/runners":                              s.listRunners,
		"GET " + enterprise + "/actions/runners/downloads":                    s.listDownloads,
		"GET " + enterprise + "/actions/runners/{runner_id}":                  s.getRunner,
		"DELETE " + enterprise + "/actions/runners/{runner_id}":               s.deleteRunnerByID,
		"GET " + enterprise + "/actions/runner-groups":                        s.listRunnerGroups,
		"GET " + org + "/repos":                                               s.listRepositories,
		"GET /installation/repositories":                                      s.listInstalled,
		"GET " + repo + "/installation":                                       s.getInstallation,
		"GET " + org + "/installation":                                        s.getInstallation,
		"GET /app":                                                            s.getApp,
		"POST /app/installations/{installation_id}/access_tokens":             s.postInstallationToken,
		"GET /app/hook/config":                                                s.getAppHook,
		"PATCH /app/hook/config":                                              s.patchAppHook,
		"POST /app-manifests/{code}/conversions":                              s.postConversion,
		"GET /app/hook/deliveries":                                            s.listDeliveries,
		"GET /app/hook/deliveries/{delivery_id}":                              s.getDelivery,
		"POST /app/hook/deliveries/{delivery_id}/attempts":                    s.postAttempt,
		"POST " + repo + "/statuses/{sha}":                                    s.postStatus,
		"POST " + repo + "/check-runs":                                        s.postCheckRun,
		"GET " + repo + "/commits/{sha}/check-runs":                           s.listCheckRuns,
		"GET /rate_limit":                                                     s.getRateLimit,
		"/":                                                                   func(http.ResponseWriter, *http.Request) (int, any) { return notFound() },
	} {
		mux.Handle(pattern, s.api(h))
	}
	s.runnerRoutes(mux)
	s.pageRoutes(mux)
	s.newAppRoutes(mux)
	s.downloadRoutes(mux)
	return mux
}

// ServeHTTP answers REST requests, stand-in runners and people.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Simulated", "true")
	if strings.HasPrefix(r.URL.Path, "/api/v3/") {
		http.StripPrefix("/api/v3", s.mux).ServeHTTP(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// apiHandler is called with s.mu held and returns what to answer.
type apiHandler func(http.ResponseWriter, *http.Request) (status int, body any)

// api does for every REST request what GitHub does before it looks at the path.
func (s *Server) api(h apiHandler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		status, body := s.admit(w, r)
		if status == 0 {
			status, body = h(w, r)
		}
		// Marshalled before the lock is released, because it may refer to state.
		content, err := json.Marshal(body)
		s.mu.Unlock()
		if err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		if status != http.StatusNoContent {
			w.Write(content)
		}
	})
}

// admit sets the headers of every answer and returns a refusal, or status 0.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) (int, any) {
	id := strings.ToUpper(hex.EncodeToString(s.random(10)))
	w.Header().Set("X-GitHub-Request-Id", id[:4]+":"+id[4:10]+":"+id[10:])
	w.Header().Set("X-GitHub-Media-Type", "github.v3; format=json")
	w.Header().Set("X-GitHub-Api-Version-Selected", "2022-11-28")
	w.Header().Set("Date", s.now().Format(http.TimeFormat))

	if r.Header.Get("User-Agent") == "" {
		return refuse(http.StatusForbidden, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.")
	}
	if isOfManifest(r) {
		return 0, nil // of the code alone
	}
	given, ok := bearer(r)
	if !ok {
		return refuse(http.StatusUnauthorized, "Requires authentication")
	}
	status, body := s.recognise(given, r)
	if status != 0 {
		return status, body
	}
	s.describeToken(w.Header())
	free := strings.HasSuffix(r.URL.Path, "/rate_limit") || isOfApp(r)
	if ok := s.budget.spend(s.now(), s.cfg.RateLimit, free); !ok {
		s.budget.describe(w.Header(), s.cfg.RateLimit)
		return refuse(http.StatusForbidden, "API rate limit exceeded for the simulated user.")
	}
	s.budget.describe(w.Header(), s.cfg.RateLimit)
	if wait := s.points.spend(s.now(), r.Method, s.cfg.PointsPerMinute, free); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		status, body := refuse(http.StatusForbidden, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
		body["documentation_url"] = secondaryDocsURL
		return status, body
	}
	if owner, repo := r.PathValue("owner"), r.PathValue("repo"); repo != "" && s.cfg.FormerName != "" && strings.EqualFold(owner+"/"+repo, s.cfg.FormerName) {
		return s.moved(w, r)
	}
	if owner := r.PathValue("owner"); owner != "" && !strings.EqualFold(owner, s.repo.owner) {
		return notFound()
	}
	if repo := r.PathValue("repo"); repo != "" && !strings.EqualFold(repo, s.repo.name) {
		return notFound()
	}
	if enterprise := r.PathValue("enterprise"); enterprise != "" && !strings.EqualFold(enterprise, s.cfg.Enterprise) {
		return notFound()
	}
	return s.permit(w, r)
}

// recognise refuses a credential that GitHub does not know, or that may not do this.
func (s *Server) recognise(given string, r *http.Request) (int, any) {
	switch {
	case s.app != nil && isOfApp(r):
		return s.app.admitJWT(given, s.now())
	case s.app != nil && s.app.issued(given):
		return s.app.admitToken(given, r, s.now())
	case isOfApp(r):
		return refuse(http.StatusUnauthorized, "A JSON web token could not be decoded")
	case s.cfg.Token == "" || subtle.ConstantTimeCompare([]byte(given), []byte(s.cfg.Token)) != 1:
		return refuse(http.StatusUnauthorized, "Bad credentials")
	}
	return 0, nil
}

func bearer(r *http.Request) (string, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	known := strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "token")
	return strings.TrimSpace(token), known && token != ""
}

func refuse(status int, message string) (int, map[string]string) {
	return status, map[string]string{
		"message": message, "documentation_url": docsURL, "status": strconv.Itoa(status),
	}
}

func notFound() (int, any) { return refuse(http.StatusNotFound, "Not Found") }

// pathID returns a number in the path, or 0, which is never an id.
func pathID(r *http.Request, name string) int64 {
	id, _ := strconv.ParseInt(r.PathValue(name), 10, 64)
	return id
}

// page returns the part of all that the query asks for, and sets the Link
// header that leads to the other parts.
func page[T any](w http.ResponseWriter, r *http.Request, all []T) []T {
	query := r.URL.Query()
	number := func(name string, fallback, most int) int {
		n, err := strconv.Atoi(query.Get(name))
		if err != nil || n < 1 {
			return fallback
		}
		return min(n, most)
	}
	size := number("per_page", 30, 100)
	at := number("page", 1, 1<<20)
	last := max((len(all)+size-1)/size, 1)

	path, _, _ := strings.Cut(r.RequestURI, "?") // as requested, with /api/v3
	var links []string
	link := func(n int, rel string) {
		query.Set("page", strconv.Itoa(n))
		links = append(links, fmt.Sprintf("<%s://%s%s?%s>; rel=%q", scheme(r), r.Host, path, query.Encode(), rel))
	}
	if at > 1 {
		link(1, "first")
		link(min(at-1, last), "prev")
	}
	if at < last {
		link(at+1, "next")
		link(last, "last")
	}
	if len(links) > 0 {
		w.Header().Set("Link", strings.Join(links, ", "))
	}
	from := min((at-1)*size, len(all))
	return all[from:min(from+size, len(all))]
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// budget is the hourly rate limit of the one credential.
type budget struct {
	used  int
	reset time.Time
}

// spend counts a request, unless it is free, and returns false if no budget is left for
// it.
func (b *budget) spend(now time.Time, limit int, free bool) bool {
	if !now.Before(b.reset) {
		*b = budget{reset: now.Add(time.Hour)}
	}
	if free {
		return true
	}
	if b.used >= limit {
		return false
	}
	b.used++
	return true
}

func (b *budget) describe(h http.Header, limit int) {
	for name, value := range map[string]int64{
		"X-RateLimit-Limit": int64(limit), "X-RateLimit-Remaining": int64(limit - b.used),
		"X-RateLimit-Used": int64(b.used), "X-RateLimit-Reset": b.reset.Unix(),
	} {
		h.Set(name, strconv.FormatInt(value, 10))
	}
	h.Set("X-RateLimit-Resource", "core")
}

// points is the secondary rate limit.
type points struct {
	used  int
	reset time.Time
}

// spend counts a request and returns 0, or how long to wait before the next.
// https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#calculating-points-for-the-secondary-rate-limit
func (p *points) spend(now time.Time, method string, limit int, free bool) time.Duration {
	if !now.Before(p.reset) {
		*p = points{reset: now.Add(time.Minute)}
	}
	cost := 5
	if method == http.MethodGet {
		cost = 1
	}
	switch {
	case limit == 0 || free:
		return 0
	case p.used+cost > limit:
		return p.reset.Sub(now)
	}
	p.used += cost
	return 0
}

func (s *Server) getRateLimit(http.ResponseWriter, *http.Request) (int, any) {
	resource := func(limit, used int) map[string]int64 {
		return map[string]int64{
			"limit": int64(limit), "remaining": int64(limit - used), "used": int64(used), "reset": s.budget.reset.Unix(),
		}
	}
	core := resource(s.cfg.RateLimit, s.budget.used)
	return http.StatusOK, map[string]any{
		"resources": map[string]any{"core": core, "search": resource(30, 0), "actions_runner_registration": resource(10_000, 0)},
		"rate":      core,
	}
}

// pageRoutes serves the pages that links lead people to.
func (s *Server) pageRoutes(mux *http.ServeMux) {
	text := func(w http.ResponseWriter, status int, lines ...string) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		fmt.Fprintln(w, strings.Join(lines, "\n"))
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		text(w, http.StatusOK, "simulated GitHub: this is a simulation with the one repository "+s.cfg.Repository+".",
			"Its REST API is here and under /api/v3/; stand-in runners use "+protocol.Prefix+"/.")
	})
	mux.HandleFunc("GET /"+s.cfg.Repository+"/actions/runs/{run_id}/job/{job_id}", func(w http.ResponseWriter, r *http.Request) {
		j, ok := s.Job(pathID(r, "job_id"))
		if !ok || j.RunID != pathID(r, "run_id") {
			text(w, http.StatusNotFound, "simulated GitHub: no such job")
			return
		}
		head := fmt.Sprintf("simulated GitHub: job %q of workflow %q is %s %s", j.Name, j.Workflow, j.Status, j.Conclusion)
		text(w, http.StatusOK, append([]string{strings.TrimSpace(head), ""}, s.JobLog(j.ID)...)...)
	})
}
