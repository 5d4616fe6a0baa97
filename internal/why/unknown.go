package why

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// unknown answers for a job or a runner without a record.
func (f Facts) unknown(a *Answer) finding {
	s := f.Subject
	if s.RunnerID != "" {
		return f.unknownRunner()
	}
	a.Job = Job{RunID: s.RunID(), JobID: s.JobID, Repository: name(s.Repository), Labels: labels(f.Labels)}
	if f.GitHub.Job != nil {
		a.Job = jobOf(*f.GitHub.Job)
	}
	found := finding{says: s.RunID() + " is not known to this fleet", whose: ofGitHub}
	if host := f.host(); !s.isOf(host) {
		found.says, found.whose = fmt.Sprintf("%s: its URL is of %s, and this fleet serves %s", found.says, name(s.Host), host), ofConfiguration
		found.next = []Step{{Do: "ask the fleet that serves " + name(s.Host)}}
		return found
	}
	if !f.told() {
		found.says, found.whose = found.says+": the fleet has not noted yet what it serves, which its sweep does within a minute of the deployment", ofFleet
		found.next = []Step{{"see why, if it takes longer", f.command("doctor")}}
		return found
	}
	if repository := a.Job.Repository; repository != "" && !f.Policy.AllowsRepository(repository) {
		found.says, found.whose = fmt.Sprintf("%s: it does not serve the repository %s", found.says, repository), ofConfiguration
		found.next = []Step{{Do: "add the repository to github_repo, or ask the fleet that serves it"}}
		return found
	}
	job, asked := f.given()
	if asked {
		a.Decision = f.wouldBe(job)
		if !f.Policy.AllowPublic {
			found.notes = append(found.notes, "decided as for a private repository: jobs of public ones are refused")
		}
	}
	gh := f.GitHub.Job
	switch {
	case a.Decision.Verdict == string(fleet.Ignored):
		found.says += ": its labels are not this fleet's, so it is left to others"
		found.whose = ofJob
		found.next = []Step{{"if it was meant for this fleet, change the workflow's runs-on; this says what the fleet would do with labels", "ecsrunner explain --labels " + exampleLabels}}
		return found
	case gh == nil:
		found.says += ": no webhook about it has arrived"
		if !asked {
			found.says += ", or its labels are not this fleet's"
		}
		if f.GitHub.Failed != "" {
			found.notes = append(found.notes, "GitHub was asked, and did not show the job: "+sentence(f.GitHub.Failed))
		} else {
			found.notes = append(found.notes, "GitHub was not asked: "+cmp.Or(sentence(f.GitHub.NotAsked), "there is no credential"))
		}
		found.next = append(found.next, f.lookAtDeliveries()...)
	case gh.Status == fleet.JobCompleted:
		found.says += fmt.Sprintf(": GitHub has it as completed (%s), so it needs no runner", name(gh.Conclusion))
		found.whose = ""
		found.notes = append(found.notes, "whether this fleet ran it is not known: records of ended jobs are deleted after a while")
	case gh.Status == fleet.JobInProgress:
		found.says += fmt.Sprintf(": GitHub has it running on runner %s, which is not of this fleet or whose webhooks are late", name(cmp.Or(gh.RunnerName, "without a name")))
	case gh.Status == fleet.JobWaiting, gh.Status == fleet.JobPending:
		found.says += fmt.Sprintf(": GitHub has it as %s, and sends no webhook that it is queued before that is over", gh.Status)
		found.next = append(found.next, Step{Do: map[string]string{
			fleet.JobWaiting: "have the job's environment approved", fleet.JobPending: "wait for the jobs before it: max-parallel or a concurrency group holds it back",
		}[gh.Status]})
		return found
	default:
		f.delivery(&found)
	}
	if a.Decision.Verdict == string(fleet.Refused) {
		found.next = append(found.next, Step{"change the workflow's runs-on; this says what the fleet would do with labels", "ecsrunner explain --labels " + exampleLabels})
	}
	if gh == nil || gh.Status == fleet.JobQueued {
		if a.Decision.Verdict == "" {
			found.notes = append(found.notes, "whether its labels would be admitted is not known: give them with --labels")
		}
		found.notes = append(found.notes, f.foundBySweep(), "records of ended jobs are deleted after a while")
	}
	return found
}

// lookAtDeliveries is how people see whether a webhook was delivered and how it was answered.
func (f Facts) lookAtDeliveries() []Step {
	return []Step{
		{"see whether the webhook delivers, and how the fleet answered", f.command("doctor")},
		{Do: "on GitHub, see " + f.deliveries() + ": an answer 200 has the reason why a job was ignored"},
	}
}

// foundBySweep says when a job is found whose webhook is lost.
func (f Facts) foundBySweep() string {
	found := "a job that is admitted and whose webhook is lost is found by the sweep, "
	if f.Policy.WholeOrganization() {
		return found + "within some 20 minutes in a repository that the fleet has heard of lately, and after an hour or more in a quiet one"
	}
	return found + "within minutes"
}

// deliveries is where GitHub shows how the fleet answered its webhooks.
func (f Facts) deliveries() string {
	switch {
	case f.Policy.GitHubApp:
		return "the GitHub App's settings → Advanced → Recent Deliveries"
	case f.Policy.WholeOrganization():
		return "the organization's settings → Webhooks → Recent Deliveries"
	}
	return "the repository's settings → Webhooks → Recent Deliveries"
}

// unknownRunner answers for a runner without a record.
func (f Facts) unknownRunner() finding {
	id := f.Subject.RunnerID
	if f.Runner != nil && f.Runner.IsWarm() {
		return f.warm(*f.Runner)
	}
	found := finding{
		says: id + " is not known to this fleet: it never had a runner of that name, or has deleted its record", whose: ofFleet,
		next: []Step{{"see which runners there are", f.command("runners list")}},
	}
	if fleetName := f.Policy.FleetName; fleetName != "" {
		if _, _, ours := fleet.ParseRunnerID(fleetName, id); !ours {
			found.says = fmt.Sprintf("%s is not known to this fleet: the names of its runners begin with %s-", id, fleetName)
			found.next = []Step{{Do: "ask the fleet whose name the runner's begins with"}}
		}
	}
	return found
}

// given is the job of which the labels are known. A repository that nobody calls public
// counts as private.
func (f Facts) given() (job fleet.Job, ok bool) {
	switch {
	case f.GitHub.Job != nil:
		job = *f.GitHub.Job
	case len(f.Labels) > 0:
		job = fleet.Job{JobID: f.Subject.JobID, Repository: f.Subject.Repository, Labels: f.Labels}
		if job.Repository == "" && len(f.Policy.Repositories) > 0 {
			job.Repository = f.Policy.Repositories[0]
		}
	default:
		return job, false
	}
	job.Private = true
	return job, true
}

// host is of the GitHub that the fleet serves.
func (f Facts) host() string {
	u, err := url.Parse(cmp.Or(f.GitHubURL, "https://github.com"))
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// told reports whether the fleet has noted what it serves.
func (f Facts) told() bool { return len(f.Policy.Repositories) > 0 || f.Policy.WholeOrganization() }

// MayAsk is the repository in which GitHub may be asked for the job, or else why not. Only
// for a job without a record is it asked.
func (f Facts) MayAsk() (repository, whyNot string) {
	s := f.Subject
	switch host := f.host(); {
	case s.RunnerID != "":
		return "", "a runner was asked about"
	case !s.isOf(host):
		return "", "the URL is of another GitHub"
	case !f.told():
		return "", "the fleet has not noted yet what it serves"
	case s.Repository != "" && !f.Policy.AllowsRepository(s.Repository):
		return "", "the fleet does not serve the repository"
	case s.Repository != "":
		return s.Repository, ""
	case len(f.Policy.Repositories) == 1:
		return f.Policy.Repositories[0], ""
	}
	return "", "a job's id alone does not say its repository, and the fleet serves several: give the job's URL"
}
