package main

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

func TestDoctorOnAHealthyFleet(t *testing.T) {
	report, out, code := healthy(t).examine(examined{})
	if !regexp.MustCompile(`^fleet "ci": [0-9]+ checks, nothing to mend\n$`).MatchString(out) || code != exitOK || !report.Healthy || len(report.Checks) < 20 {
		t.Errorf("exit status %d with %d checks:\n%s", code, len(report.Checks), out)
	}
}

// hookOf is how GitHub's webhook is set.
func hookOf(h sim.Hook) func(*deployed) { return func(d *deployed) { d.sim.Hook = h } }

// answers puts a server before GitHub that answers by itself what a path ends in.
func answers(suffix string, h http.HandlerFunc) func(*deployed) {
	return func(d *deployed) {
		d.before = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, suffix) {
					h(w, r)
					return
				}
				next.ServeHTTP(w, r)
			})
		}
	}
}

// listed answers with a list of JSON values.
func listed(values ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("[" + strings.Join(values, ",") + "]"))
	}
}

// Not every oddity is a fault.
func TestDoctorHasNothingToSay(t *testing.T) {
	for name, changes := range map[string]func(*deployed){
		"of a webhook that sends forms":           hookOf(sim.Hook{ContentType: "form"}),
		"of a webhook for all events":             hookOf(sim.Hook{Events: []string{"*"}}),
		"of a token that does not expire":         func(d *deployed) { d.sim.TokenExpires = time.Time{} },
		"of a GitHub App":                         asApp(granted, nil),
		"of a GitHub App that may write statuses": asApp(withPermission("statuses"), nil),
		"of a GitHub App that runs jobs again":    asApp(withPermission("actions"), func(d *deployed) { d.policy.SpotRetry = 1 }),
		"of a token that may run jobs again":      func(d *deployed) { d.policy.SpotRetry = 1 },
		"of a classic token that may":             func(d *deployed) { d.sim.Permissions, d.sim.Scopes, d.policy.SpotRetry = nil, []string{"repo"}, 1 },
		"of a GitHub App that shows no refusals":  asApp(map[string]string{"administration": "write", "actions": "read"}, func(d *deployed) { d.policy.RefusalStatus = fleet.RefusalStatusNever }),
		"of an organization's runners":            ofOrganization("fleet", nil),
		"of an enterprise's runners":              ofEnterprise("fleet", nil),
		"of an enterprise whose organization has the webhook": ofEnterprise("", func(d *deployed) {
			d.sim.HookOfOrganization = true
			d.sim.Scopes = append(d.sim.Scopes, "admin:org")
		}),
		"of an organization's webhook": ofOrganization("fleet", func(d *deployed) {
			d.sim.HookOfOrganization, d.sim.Permissions["organization_hooks"] = true, "read"
			delete(d.sim.Permissions, "repository_hooks")
		}),
		"of a whole organization": wholeOrganization(nil),
		"of a whole organization and an App": wholeOrganization(func(d *deployed) {
			asApp(map[string]string{"organization_self_hosted_runners": "write", "actions": "read"}, func(d *deployed) {
				d.app.Organization, d.policy.RefusalStatus = true, fleet.RefusalStatusNever
			})(d)
		}),
		"of a classic token":                      func(d *deployed) { d.sim.Permissions, d.sim.Scopes = nil, []string{"repo"} },
		"of a public repository that is allowed":  func(d *deployed) { d.sim.Private, d.policy.AllowPublic = false, true },
		"of a webhook that has delivered nothing": answers("/deliveries", listed()),
		"of deliveries that were repeated": answers("/deliveries", listed(
			`{"id": 3, "guid": "b", "status_code": 202}`, `{"id": 2, "guid": "b", "status_code": 504}`)),
		"of a sweep that is about to run first": func(d *deployed) { d.usage, d.startedAt = nil, time.Now() },
		"of a policy that is enforced": func(d *deployed) {
			d.policy.EnforcePolicy = true
			d.unenforced = &fleet.Unenforced{RunnerID: "ci-7-1", At: time.Now().Add(-4 * 24 * time.Hour)}
		},
		"of a working tree that was deployed":        func(d *deployed) { d.runs = "" },
		"of GitHub Enterprise Server without limits": func(d *deployed) { d.usage.Budgets = nil },
		"of a hold that has ended": func(d *deployed) {
			d.holds = []fleet.Hold{{Key: "capacity/large", Kind: fleet.SetbackCapacity, Needs: 1, Met: map[string]time.Time{"x": time.Now()}}}
		},
		"of a clock that is a little wrong": answers("/repos/octo-org/app", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(-20*time.Second).UTC().Format(http.TimeFormat))
			_, _ = w.Write([]byte(`{"id": 1, "full_name": "octo-org/app", "private": true}`))
		}),
		"of quotas that just suffice": func(d *deployed) {
			d.quotas["Fargate Spot vCPU resource count"], d.builds = 20, map[fleet.Arch]int{fleet.X64: 2}
		},
		"of the same repository twice, in another spelling": func(d *deployed) { d.repositories = []string{"Octo-Org/App"} },
	} {
		t.Run(name, func(t *testing.T) {
			d := healthy(t)
			changes(d)
			if report, out, code := d.examine(examined{}); !report.Healthy || code != exitOK || strings.Count(out, "\n") != 1 {
				t.Errorf("exit status %d:\n%s", code, out)
			}
		})
	}
}

func anImage(change func(*fleet.ImageRecord)) func(*deployed) {
	return func(d *deployed) { change(&d.images[0]) }
}

// Each of these set-ups is broken in one way, and doctor finds that and nothing else.
func TestDoctorNamesTheCause(t *testing.T) {
	long := 100 * 24 * time.Hour
	for name, c := range map[string]struct {
		breaks   func(*deployed)
		severity doctor.Severity
		check    string
		says     string // of the finding, in the output
		run      string // the command
	}{
		"a token that GitHub does not accept": {
			func(d *deployed) { d.token = "ghp_ofSomebodyElse1234567890" }, doctor.Error, "token",
			`GitHub does not accept the token: .*401 "Bad credentials"`, `aws secretsmanager put-secret-value --secret-id ci/pat`},
		"no token was stored": {
			func(d *deployed) {
				d.read = func(context.Context) (string, error) {
					return "", fleet.Errorf(fleet.SecretMissing, "no token is stored yet as github_pat")
				}
			}, doctor.Error, "token", `no token is stored yet`, `aws secretsmanager put-secret-value --secret-id ci/pat`},
		"an empty token": {
			func(d *deployed) { d.read = func(context.Context) (string, error) { return " \n", nil } }, doctor.Error, "token",
			`the token is empty`, `aws secretsmanager put-secret-value --secret-id ci/pat`},
		"a token that the operator may not read": {
			func(d *deployed) {
				d.read = func(context.Context) (string, error) { return "", errDenied }
			}, doctor.Unchecked, "token", `AWS does not allow it to you`, ``},
		"a token that expires soon": {
			func(d *deployed) { d.sim.TokenExpires = time.Now().Add(73 * time.Hour) }, doctor.Warning, "token",
			`the GitHub token expires in 3 days, at `, `aws secretsmanager put-secret-value --secret-id ci/pat`},
		"a token that expires in hours": {
			func(d *deployed) { d.sim.TokenExpires = time.Now().Add(5*time.Hour + time.Minute) }, doctor.Warning, "token", `expires in 5 hours`, `aws `},
		"a repository that the token does not see": {
			func(d *deployed) { d.repositories = append(d.repositories, "octo-org/hidden") }, doctor.Error, "repository",
			`octo-org/hidden: GitHub shows the token no such repository`, ``},
		"a repository that was renamed": {
			func(d *deployed) { d.sim.FormerName, d.repositories = "octo-org/old", []string{"octo-org/old"} }, doctor.Warning, "repository",
			`octo-org/old: it is called octo-org/app now`, ``},
		"an archived repository": {
			func(d *deployed) { d.sim.Archived = true }, doctor.Warning, "repository", `it is archived`, ``},
		"a public repository": {
			func(d *deployed) { d.sim.Private = false }, doctor.Error, "repository", `it is public, and the fleet refuses`, ``},
		"a token without Administration": {
			func(d *deployed) { delete(d.sim.Permissions, "administration") }, doctor.Error, "administration",
			`the token lacks Administration: read and write, so no runner can be registered`, ``},
		"a token without Actions": {
			func(d *deployed) { delete(d.sim.Permissions, "actions") }, doctor.Error, "actions", `the token lacks Actions: read`, ``},
		"a token without Webhooks": {
			func(d *deployed) { delete(d.sim.Permissions, "repository_hooks") }, doctor.Unchecked, "webhook",
			`the token may not read webhooks`, ``},
		"a classic token of a user who is no administrator": {
			func(d *deployed) {
				d.sim.Permissions, d.sim.Scopes = nil, []string{"repo", "admin:repo_hook"}
				answers("/repos/octo-org/app", func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("X-OAuth-Scopes", "repo, admin:repo_hook")
					_, _ = w.Write([]byte(`{"id": 1, "full_name": "octo-org/app", "private": true, "permissions": {"admin": false}}`))
				})(d)
			}, doctor.Error, "administration", `the token's user does not administrate the repository`, ``},
		"a classic token without the scope": {
			func(d *deployed) {
				d.sim.Permissions = nil
				answers("/repos/octo-org/app", func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("X-OAuth-Scopes", "public_repo, gist")
					_, _ = w.Write([]byte(`{"id": 1, "full_name": "octo-org/app", "private": true}`))
				})(d)
			}, doctor.Error, "administration", `the token lacks the scope repo`, ``},
		"an organization whose runners the token may not list": {
			ofOrganization("fleet", func(d *deployed) { delete(d.sim.Permissions, "organization_self_hosted_runners") }), doctor.Error, "administration",
			`lacks the organization's Self-hosted runners: read and write`, ``},
		"an organization without the runner group": {
			ofOrganization("nosuch", nil), doctor.Error, "administration", `organization octo-org has no runner group "nosuch" \(it has Default, Fleet\)`, ``},
		"an organization whose runner group allows public repositories, with idle runners": {
			ofOrganization("fleet", func(d *deployed) {
				d.policy.Classes = map[string]fleet.Class{"small": {CPU: 512, Memory: 1024, Warm: &fleet.Warm{Count: 1}}}
				answers("/orgs/octo-org/actions/runner-groups", func(w http.ResponseWriter, _ *http.Request) {
					_, _ = w.Write([]byte(`{"total_count": 1, "runner_groups": [{"id": 7, "name": "Fleet", "allows_public_repositories": true}]}`))
				})(d)
			}), doctor.Warning, "administration", `the runner group fleet allows public repositories, so the fleet starts no idle runners`, ``},
		"an organization's repository without a webhook": {
			ofOrganization("fleet", func(d *deployed) { d.hookURL = "none" }), doctor.Unchecked, "webhook", `whether one of the organization does, the token may not see`, `-X POST`},
		"an organization without a webhook": {
			ofOrganization("fleet", func(d *deployed) { d.hookURL, d.sim.Permissions["organization_hooks"] = "none", "read" }), doctor.Error, "webhook",
			`no webhook of the repository or its organization delivers to the fleet`, `-X POST`},
		"an organization's webhook without its event": {
			ofOrganization("fleet", func(d *deployed) {
				d.sim.HookOfOrganization, d.sim.Permissions["organization_hooks"], d.sim.Hook.Events = true, "read", []string{"push"}
			}), doctor.Error, "webhook", `webhook [0-9]+ does not have the event`, `add_events.* orgs/octo-org/hooks/[0-9]+`},
		"an organization's webhook with another secret": {
			ofOrganization("fleet", func(d *deployed) {
				d.sim.HookOfOrganization, d.sim.Permissions["organization_hooks"], d.receives = true, "read", http.StatusUnauthorized
			}), doctor.Error, "deliveries", `answers the webhook with 401`, `orgs/octo-org/hooks/[0-9]+/config`},
		"a whole organization whose webhooks the token may not see": {
			wholeOrganization(func(d *deployed) { delete(d.sim.Permissions, "organization_hooks") }), doctor.Unchecked, "webhook", `the token may not read webhooks`, ``},
		"a whole organization without a webhook": {
			wholeOrganization(func(d *deployed) { d.hookURL = "none" }), doctor.Error, "webhook", `no webhook of the organization delivers to the fleet`, `-X POST .*orgs/octo-org/hooks|orgs/octo-org/hooks .*|gh api .*orgs/octo-org/hooks`},
		"a whole organization whose runners the token may not list": {
			wholeOrganization(func(d *deployed) { delete(d.sim.Permissions, "organization_self_hosted_runners") }), doctor.Error, "administration",
			`lacks the organization's Self-hosted runners: read and write`, ``},
		"a whole organization whose jobs the token may not read": {
			wholeOrganization(func(d *deployed) { delete(d.sim.Permissions, "actions") }), doctor.Error, "actions", `lacks Actions: read`, ``},
		"an enterprise that does not exist, or whose owner the token's user is not": {
			ofEnterprise("fleet", func(d *deployed) { d.policy.Enterprise = "corpp" }), doctor.Error, "administration",
			`GitHub does not show the token the runners of the enterprise corpp: it does not exist, or the token's user is no owner of it`, ``},
		"an enterprise with a token without the scope": {
			ofEnterprise("fleet", func(d *deployed) { d.sim.Scopes = []string{"repo", "admin:org"} }), doctor.Error, "administration",
			`the token lacks the scope manage_runners:enterprise, so no runner can be registered`, ``},
		"an enterprise with a fine-grained token": {
			ofEnterprise("fleet", func(d *deployed) {
				d.sim.Scopes, d.sim.Permissions = nil, map[string]string{"administration": "write", "actions": "read", "repository_hooks": "write"}
			}), doctor.Error, "administration", `the token is no classic one, and GitHub takes no other`, ``},
		"an enterprise without the runner group": {
			ofEnterprise("nosuch", nil), doctor.Error, "administration", `enterprise corp has no runner group "nosuch" \(it has Default, Fleet\)`, ``},
		"an App whose key GitHub does not know": {
			asApp(granted, func(d *deployed) { d.sim.App.Keys = nil }), doctor.Error, "token", `Iv1\.fleet`, ``},
		"an App that lacks a permission": {
			asApp(map[string]string{"administration": "write"}, nil), doctor.Error, "repository", `GitHub shows the App no such repository: .*lacks a permission: it needs Actions: read`, ``},
		"an App that may show no refusals": {
			asApp(map[string]string{"administration": "write", "actions": "read"}, nil), doctor.Warning, "refusals", `lacks Checks: write, or Commit statuses: write, so developers do not see why`, ``},
		"an App that may run nothing again": {
			asApp(granted, func(d *deployed) { d.policy.SpotRetry = 1 }), doctor.Warning, "spot_retry", `the GitHub App lacks Actions: write, so what Spot interrupts is not run again`, ``},
		"an App whose webhook is of an earlier deployment": {
			asApp(granted, func(d *deployed) { d.hookURL = "http://127.0.0.1:1/webhook" }), doctor.Error, "webhook", `neither the App's webhook nor one of the repository delivers to the fleet at http`, ``},
		"an App whose webhook has not the event": {
			asApp(granted, hookOf(sim.Hook{Events: []string{"push"}})), doctor.Error, "webhook", `the App's webhook does not have the event Workflow job`, ``},
		"an App whose webhook has another secret": {
			asApp(granted, func(d *deployed) { d.receives = http.StatusUnauthorized }), doctor.Error, "deliveries", `answers the webhook with 401: it is signed with another secret`, ``},
		"GitHub that does not answer": {
			answers("", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }), doctor.Error, "token",
			`GitHub does not answer at http://127\.0\.0\.1`, ``},
		"GitHub that limits the token": {
			answers("", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(http.StatusTooManyRequests)
			}), doctor.Unchecked, "token", `429`, ``},
		"an answer with the token in it": {
			func(d *deployed) {
				answers("/actions/runs", func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(http.StatusInternalServerError)
					_, _ = w.Write([]byte(`{"message": "you sent ` + r.Header.Get("Authorization") + `"}`))
				})(d)
			}, doctor.Unchecked, "actions", `you sent \*\*\*|you sent Bearer \*\*\*`, ``},
		"no webhook": {
			func(d *deployed) { d.hookURL = "none" }, doctor.Error, "webhook", `no webhook of the repository delivers to the fleet at http://`,
			`gh api --hostname 127\.0\.0\.1:[0-9]+ -X POST -f name=web -F active=true -f 'events\[\]=workflow_job' -f 'config\[url\]=http://[^ ]*/webhook' -f 'config\[content_type\]=json' -f "config\[secret\]=\$\(aws secretsmanager get-secret-value --secret-id ci/hook\)" repos/octo-org/app/hooks`},
		"a webhook of an earlier deployment": {
			func(d *deployed) { d.hookURL = "http://127.0.0.1:1/webhook?s=hidden" }, doctor.Error, "webhook", `delivers to http://127\.0\.0\.1:1/webhook: is that of an earlier deployment\?`, `gh api .*repos/octo-org/app/hooks`},
		"two webhooks": {
			func(d *deployed) {
				d.before = func(next http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if !strings.HasSuffix(r.URL.Path, "/hooks") {
							next.ServeHTTP(w, r)
							return
						}
						one := `{"id": %ID, "active": true, "events": ["workflow_job"], "config": {"url": "` + d.sim.WebhookURL + `", "content_type": "json", "secret": "********"}}`
						_, _ = w.Write([]byte("[" + strings.ReplaceAll(one, "%ID", strconv.FormatInt(d.github.HookID(), 10)) + "," + strings.ReplaceAll(one, "%ID", "8") + "]"))
					})
				}
			}, doctor.Warning, "webhook", `2 webhooks deliver to the fleet`, `gh api .*-X DELETE repos/octo-org/app/hooks/8`},
		"a webhook that is not active": {
			hookOf(sim.Hook{Inactive: true}), doctor.Error, "webhook", `webhook [0-9]+ is not active`, `gh api .*-X PATCH -F active=true repos/octo-org/app/hooks/[0-9]+`},
		"a webhook without the event": {
			hookOf(sim.Hook{Events: []string{"push", "workflow_run"}}), doctor.Error, "webhook", `does not have the event Workflow jobs`,
			`gh api .*-X PATCH -f 'add_events\[\]=workflow_job' repos/octo-org/app/hooks/[0-9]+`},
		"a webhook with another content type": {
			hookOf(sim.Hook{ContentType: "xml"}), doctor.Error, "webhook", `has the content type "xml", which the fleet answers with 415`, `gh api .*content_type=json repos/octo-org/app/hooks/[0-9]+/config`},
		"a webhook without a secret": {
			func(d *deployed) {
				d.sim.WebhookSecret = ""
				d.secret = func(context.Context) ([]string, error) { return []string{"something"}, nil }
			}, doctor.Error, "webhook", `has no secret`, `gh api .*-f "secret=\$\(aws `},
		"a webhook that does not verify certificates": {
			hookOf(sim.Hook{InsecureSSL: true}), doctor.Warning, "webhook", `does not verify the fleet's certificate`, `gh api .*insecure_ssl=0`},
		"a webhook with another secret": {
			func(d *deployed) { d.receives = http.StatusUnauthorized }, doctor.Error, "deliveries", `answers the webhook with 401: it is signed with another secret: 1 of the last 1 deliveries failed`, `gh api .*-f "secret=`},
		"a fleet that does not serve the repository": {
			func(d *deployed) { d.receives = http.StatusForbidden }, doctor.Error, "deliveries", `403: it does not serve the repository`, ``},
		"an address where nothing takes webhooks": {
			func(d *deployed) { d.receives = http.StatusNotFound }, doctor.Error, "deliveries", `answers the webhook with 404: nothing takes webhooks there`, `gh api .*'url=http`},
		"a webhook's function that fails": {
			func(d *deployed) { d.receives = http.StatusInternalServerError }, doctor.Error, "deliveries", `answers the webhook with 500: it failed`, ``},
		"a fleet that GitHub does not reach": {
			func(d *deployed) { d.receives = http.StatusGatewayTimeout }, doctor.Error, "deliveries", `GitHub does not reach the fleet at http`, ``},
		"a delivery that failed and was not repeated": {
			answers("/deliveries", listed(`{"id": 3, "guid": "c", "status_code": 202}`, `{"id": 2, "guid": "b", "status_code": 503, "delivered_at": "2026-03-04T05:06:07Z"}`, `{"id": 1, "guid": "a", "status_code": 202}`)),
			doctor.Warning, "deliveries", `answers the webhook with 503: it failed, at 2026-03-04 05:06 UTC: 1 of the last 3 deliveries failed, and later ones were accepted`, ``},
		"no secret for the webhook": {
			func(d *deployed) {
				d.secret = func(context.Context) ([]string, error) {
					return nil, errors.New("webhook_secret: secret env:WEBHOOK_SECRET is empty or not set")
				}
			}, doctor.Error, "webhook_secret", `env:WEBHOOK_SECRET is empty or not set`, ``},
		"a clock that is behind": {
			answers("/repos/octo-org/app", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", time.Now().Add(2*time.Minute).UTC().Format(http.TimeFormat))
				_, _ = w.Write([]byte(`{"id": 1, "full_name": "octo-org/app", "private": true}`))
			}), doctor.Warning, "clock", `this machine's clock is (1m59s|2m0s|2m1s) behind GitHub's`, `timedatectl`},
		"a paused fleet": {
			func(d *deployed) { d.capacity = fleet.Capacity{Paused: "moving house", PausedAt: time.Now()} }, doctor.Warning, "paused",
			`the fleet is paused \(moving house\)`, `ecsrunner resume --stack ecsrunner-ci --region eu-central-1`},
		"an image that is too old to enforce the policy": {
			func(d *deployed) {
				d.policy.EnforcePolicy = true
				d.unenforced = &fleet.Unenforced{RunnerID: "ci-7-1", Image: "tools", At: time.Now().Add(-time.Hour)}
			}, doctor.Warning, "enforce_policy", `policy was not enforced on runner ci-7-1 of .*: the entrypoint of its image \(tools\) is too old`, `ecsrunner images list --stack`},
		"a sweep that has stopped": {
			func(d *deployed) { d.usage.At = time.Now().Add(-time.Hour) }, doctor.Error, "sweep", `the sweep ran to its end last at `, `aws logs tail /ecsrunner/ci/sweep`},
		"a sweep that never ran": {
			func(d *deployed) { d.usage = nil }, doctor.Error, "sweep", `the sweep has never run to its end`, `aws logs tail`},
		"a sweep that left something": {
			func(d *deployed) { d.usage.Failed = "sweep tasks: ECS is down\nsweep room: no" }, doctor.Warning, "sweep", `the last sweep left something: sweep tasks: ECS is down sweep room: no`, `aws logs tail`},
		"GitHub's limit is nearly used up": {
			func(d *deployed) { d.usage.Budgets[0].Remaining = 300 }, doctor.Warning, "github_limit", `300 of 5000 requests are left`, ``},
		"runs that wait for a hold": {
			func(d *deployed) {
				d.holds = []fleet.Hold{{Key: "capacity/large", Kind: fleet.SetbackCapacity, Name: fleet.RunnerQuotaExceeded, Cause: "the limit on vCPUs", Since: time.Now(), InARow: 2, Needs: 1, Met: map[string]time.Time{"x": time.Now()}}}
			}, doctor.Warning, "holds", `capacity/large: runs wait since .*Runner\.QuotaExceeded: the limit on vCPUs`, `ecsrunner cluster status --stack`},
		"a base image that could not be built": {
			anImage(func(r *fleet.ImageRecord) {
				r.Digest, r.Failure = "", &fleet.BuildFailure{At: time.Now(), Reason: "the base has no apt-get"}
			}), doctor.Error, "image", `base x64: it could not be built: the base has no apt-get`, `ecsrunner images build base --arch x64 --stack`},
		"no base image": {
			func(d *deployed) { d.images = nil }, doctor.Error, "image", `it is not built, and nothing builds it`, `ecsrunner images build base`},
		"a base image that is not built yet": {
			func(d *deployed) { d.images, d.startedAt = nil, time.Now().Add(-10*time.Minute) }, doctor.Warning, "image", `it is not built yet`, `ecsrunner images list`},
		"a base image that was deleted": {
			func(d *deployed) { d.gone = true }, doctor.Error, "image", `its revision 3 is not in the registry any more`, `ecsrunner images build base`},
		"an old base image": {
			anImage(func(r *fleet.ImageRecord) { r.BuiltAt = time.Now().Add(-long) }), doctor.Warning, "image", `it was built 100 days ago`, `ecsrunner images refresh --all`},
		"an image with an old runner": {
			anImage(func(r *fleet.ImageRecord) { r.BuiltAt, r.RunnerVersion = time.Now().Add(-40*24*time.Hour), "2.330.0" }), doctor.Warning, "image",
			`it has GitHub's runner 2\.330\.0 .*the latest is 2\.336\.0`, `ecsrunner images build`},
		"an image whose next revision fails": {
			anImage(func(r *fleet.ImageRecord) {
				r.Failure = &fleet.BuildFailure{At: time.Now(), Reason: "toomanyrequests", MayPass: true}
			}), doctor.Warning, "image",
			`its next revision could not be built: toomanyrequests`, `ecsrunner images build`},
		"a quota below max_runners": {
			func(d *deployed) { d.quotas["Fargate On-Demand vCPU resource count"] = 6 }, doctor.Warning, "fargate_quota",
			`is 6 vCPUs, and 20 runners \(max_runners\) of the class large need 80: beyond 1 of them runs wait`,
			`aws service-quotas request-service-quota-increase --service-code fargate --quota-code L-1234 --desired-value 80 --region eu-central-1`},
		"a quota below one runner": {
			func(d *deployed) { d.quotas["Fargate On-Demand vCPU resource count"] = 2 }, doctor.Error, "fargate_quota", `a runner of the class large has 4: none can start`, `aws service-quotas`},
		"a quota of Spot": {
			func(d *deployed) { d.quotas["Fargate Spot vCPU resource count"] = 10 }, doctor.Warning, "fargate_spot_quota", `of the class cheap need 20`, `--desired-value 20`},
		"a quota of builds": {
			func(d *deployed) { d.builds[fleet.X64] = 3 }, doctor.Warning, "build_quota", `is 3, and 3 builds for jobs \(on_demand_builds_at_once\) leave none`, `--service-code codebuild .*--desired-value 4`},
		"quotas that AWS does not list": {
			func(d *deployed) { delete(d.quotas, "Fargate Spot vCPU resource count") }, doctor.Unchecked, "fargate_spot_quota", `Service Quotas lists no "Fargate Spot vCPU`, ``},
		"events that were given up": {
			func(d *deployed) { d.queues["lost"] = 7 }, doctor.Error, "queue", `lost: 7 events were given up`, ``},
		"queues that the operator may not read": {
			func(d *deployed) { d.queueFails = errDenied }, doctor.Unchecked, "queue", `failed, lost: AWS does not allow it to you`, ``},
		"records that cannot be read": {
			func(d *deployed) { d.recordsFail = errDenied }, doctor.Unchecked, "records", `AWS does not allow it to you`, ``},
		"another version that runs": {
			func(d *deployed) { d.runs = "v1.1.0" }, doctor.Warning, "version", `what runs is v1\.1\.0, and this command is v1\.2\.3`, `npx cdk deploy`},
		"a deployment that was rolled back": {
			func(d *deployed) { d.status = "UPDATE_ROLLBACK_COMPLETE" }, doctor.Warning, "stack", `the stack is UPDATE_ROLLBACK_COMPLETE`, `aws cloudformation describe-stack-events`},
		"a deployment that failed": {
			func(d *deployed) { d.status = "UPDATE_ROLLBACK_FAILED" }, doctor.Error, "stack", `the stack is UPDATE_ROLLBACK_FAILED`, `aws cloudformation`},
		"a deployment that is under way": {
			func(d *deployed) { d.status = "UPDATE_IN_PROGRESS" }, doctor.Warning, "stack", `the stack is UPDATE_IN_PROGRESS`, ``},
		"a stack of an earlier release": {
			func(d *deployed) { d.outputs = d.outputs[:len(d.outputs)-1] }, doctor.Warning, "stack", `it is of an earlier release`, `npx cdk deploy`},
	} {
		t.Run(name, func(t *testing.T) {
			d := healthy(t)
			c.breaks(d)
			report, out, code := d.examine(examined{})
			if len(report.Findings) != 1 || code != exitFailure {
				t.Fatalf("exit status %d with %d findings:\n%s", code, len(report.Findings), out)
			}
			f := report.Findings[0]
			if f.Severity != c.severity || f.Check != c.check || f.Whose == "" || f.Do == "" {
				t.Errorf("%+v", f)
			}
			if !regexp.MustCompile(`(?m)^` + string(c.severity) + `: ` + c.check + `\b.*(` + c.says + `)`).MatchString(out) {
				t.Errorf("it does not say %s:\n%s", c.says, out)
			}
			switch {
			case c.run == "" && f.Command != "":
				t.Errorf("it names the command %s", f.Command)
			case c.run != "" && !regexp.MustCompile(`(?m)^  run: .*`+c.run).MatchString(out):
				t.Errorf("it does not name the command %s:\n%s", c.run, out)
			}
		})
	}
}

// ofOrganization has the fleet register its runners in a group of the organization.
func ofOrganization(group string, breaks func(*deployed)) func(*deployed) {
	return func(d *deployed) {
		d.policy.Organization, d.policy.RunnerGroup = "octo-org", group
		d.sim.RunnerGroups = []string{"Fleet"}
		d.sim.Permissions = map[string]string{"organization_self_hosted_runners": "write", "actions": "read", "repository_hooks": "write"}
		if breaks != nil {
			breaks(d)
		}
	}
}

// ofEnterprise has the fleet register its runners in a group of the enterprise.
func ofEnterprise(group string, breaks func(*deployed)) func(*deployed) {
	return func(d *deployed) {
		d.policy.Enterprise, d.policy.RunnerGroup = "corp", group
		d.sim.Enterprise, d.sim.RunnerGroups = "corp", []string{"Fleet"}
		d.sim.Permissions, d.sim.Scopes = nil, []string{"repo", "admin:repo_hook", "manage_runners:enterprise"}
		if breaks != nil {
			breaks(d)
		}
	}
}

// wholeOrganization has the fleet serve all repositories of the organization.
func wholeOrganization(breaks func(*deployed)) func(*deployed) {
	return ofOrganization("fleet", func(d *deployed) {
		d.repositories = nil
		d.sim.HookOfOrganization = true
		d.sim.Permissions["organization_hooks"] = "write"
		if breaks != nil {
			breaks(d)
		}
	})
}
