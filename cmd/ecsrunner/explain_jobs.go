package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/webhook"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/workflowfile"
)

// explainable is a job, or several that ask for the same, and where they stand.
type explainable struct {
	job   fleet.Job
	file  string
	line  int
	jobs  int
	group string
	later string // why it is decided at run time, "" if it is decided now
}

// jobs are the jobs that the flags name.
func (f explainFlags) jobs(cmd *cobra.Command, repositories []string) ([]explainable, error) {
	switch {
	case f.event != "":
		return f.jobOfEvent(cmd)
	case len(f.workflows) > 0:
		return jobsOfFiles(f.workflows, f.job(cmd, repositories))
	}
	job := f.job(cmd, repositories)
	job.Labels = strings.Split(f.labels, ",") // with their white space: to GitHub it counts
	return []explainable{{job: job, jobs: 1}}, nil
}

// mostPayload is what is read of a payload, in bytes. GitHub sends at most 25 MB.
const mostPayload = 25 << 20

func (f explainFlags) jobOfEvent(cmd *cobra.Command) ([]explainable, error) {
	var from io.Reader = cmd.InOrStdin()
	name := "standard input"
	if f.event != "-" {
		file, err := os.Open(f.event)
		if err != nil {
			return nil, fmt.Errorf("--event: %w: name a readable file with a payload", err)
		}
		defer file.Close()
		from, name = file, f.event
	}
	body, err := io.ReadAll(io.LimitReader(from, mostPayload))
	if err != nil {
		return nil, fmt.Errorf("--event: read %s: %w", name, err)
	}
	job, err := webhook.ReadJob(body)
	if err != nil {
		return nil, fmt.Errorf("--event: %s: %w; GitHub shows payloads in the webhook's settings under \"Recent Deliveries\"", name, err)
	}
	return []explainable{{job: job, jobs: 1}}, nil
}

// jobsOfFiles are the jobs of workflow files, each with what is known of all of them.
func jobsOfFiles(paths []string, known fleet.Job) (all []explainable, err error) {
	files, err := workflowFiles(paths)
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--workflow: %w: name a readable file", err)
		}
		jobs, err := workflowfile.Parse(data)
		if problem, ok := errors.AsType[*workflowfile.Problem](err); ok {
			problems = append(problems, fmt.Errorf("%s:%d: %s", file, problem.Line, problem.Message))
		}
		for _, job := range jobs {
			all = append(all, jobsOfOne(file, job, known)...)
		}
	}
	return all, errors.Join(problems...)
}

func jobsOfOne(file string, job workflowfile.Job, known fleet.Job) (all []explainable) {
	known.Name = job.ID
	if job.Calls != "" {
		return []explainable{{job: known, file: file, line: job.Line, jobs: 1, later: "it calls " + job.Calls + ", whose jobs have a runs-on of their own"}}
	}
	for _, ask := range job.Asks {
		one := explainable{job: known, file: file, line: job.Line, jobs: ask.Jobs, group: ask.Group}
		one.job.Labels = ask.Labels
		if ask.Unknown != "" {
			one.later = "runs-on has " + fleet.QuoteShort(ask.Unknown) + ", whose value is known at run time alone"
		}
		all = append(all, one)
	}
	return all
}

// workflowFiles are the files that are named, and those of the folders that are.
func workflowFiles(paths []string) (files []string, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("--workflow: %w: name a workflow file, or a folder of them", err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("--workflow: %w: name a readable folder", err)
		}
		found := len(files)
		for _, entry := range entries {
			if ext := filepath.Ext(entry.Name()); isFile(path, entry) && slices.Contains([]string{".yml", ".yaml"}, ext) {
				files = append(files, filepath.Join(path, entry.Name()))
			}
		}
		if len(files) == found {
			return nil, fmt.Errorf("--workflow: %s has no .yml or .yaml file: name a folder such as .github/workflows", path)
		}
	}
	return files, nil
}

// isFile reports whether what stands in a folder can be read as a file: a pipe would wait
// for a writer.
func isFile(dir string, entry os.DirEntry) bool {
	info, err := os.Stat(filepath.Join(dir, entry.Name()))
	return err != nil || info.Mode().IsRegular()
}
