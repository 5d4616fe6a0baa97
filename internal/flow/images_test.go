//go:build aws

package flow

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awstest/faultproxy"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
)

// putImage puts an image into the fleet's repository, with its name as its content, and
// returns its digest.
func (w *world) putImage(tag string) string {
	_, repository, _ := strings.Cut(w.environment("resolveimage")[deployment.EnvRepository], "/")
	manifest := `{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":` + strconv.Itoa(len(tag)) + `,"digest":"sha256:` + strings.Repeat("0", 64) + `"},"layers":[],"annotations":{"tag":"` + tag + `"}}`
	out := w.stack.moto.json("ecr", "AmazonEC2ContainerRegistry_V20150921.PutImage", map[string]any{
		"repositoryName": repository, "imageTag": tag, "imageManifest": manifest, "imageManifestMediaType": "application/vnd.docker.distribution.manifest.v2+json",
	})
	return out["image"].(map[string]any)["imageId"].(map[string]any)["imageDigest"].(string)
}

// putBaseImage publishes the base image, as an operator may have done by hand.
func (w *world) putBaseImage() { w.putImage("base") }

// startBuild is a stand-in for a build: moto records one and runs nothing. The test
// says when and how it ends, by default at once with the image that the buildspec would
// push.
func (w *world) startBuild(r *faultproxy.Request, forward func() faultproxy.Answer) faultproxy.Answer {
	answer := forward()
	if answer.Status != http.StatusOK {
		return answer
	}
	var asked struct {
		ProjectName string
		Variables   []struct{ Name, Value string } `json:"environmentVariablesOverride"`
	}
	var started struct{ Build struct{ ARN string } }
	if json.Unmarshal(r.Body, &asked) != nil || json.Unmarshal(answer.Body, &started) != nil {
		w.t.Errorf("StartBuild: %s %s", r.Body, answer.Body)
		return answer
	}
	variables, value := []any{}, map[string]string{}
	for _, v := range asked.Variables {
		variables = append(variables, map[string]string{"name": v.Name, "value": v.Value, "type": "PLAINTEXT"})
		value[v.Name] = v.Value
	}
	tell := func(status string, more map[string]any) {
		w.buildIs(started.Build.ARN, status, asked.Variables, more)
		more["environment"] = map[string]any{"environment-variables": variables}
		w.putEvent("aws.codebuild", "CodeBuild Build State Change", map[string]any{
			"build-status": status, "project-name": asked.ProjectName, "build-id": started.Build.ARN, "additional-information": more,
		})
	}
	ends := w.buildEnds
	w.done.Go(func() {
		tell("IN_PROGRESS", map[string]any{})
		status := "SUCCEEDED"
		if ends != nil {
			if status = ends(w.ctx); status == "" {
				w.buildIs(started.Build.ARN, "", nil, nil)
				return // no further events of it come
			}
		}
		if status != "SUCCEEDED" {
			tell(status, map[string]any{"logs": w.buildLog, "phases": []any{map[string]any{"phase-type": "BUILD", "phase-status": status, "phase-context": []any{"COMMAND_EXECUTION_ERROR: the build failed"}}}})
			return
		}
		tell(status, map[string]any{"exported-environment-variables": []any{
			map[string]string{"name": "IMAGE_DIGEST", "value": w.putImage(value["IMAGE_TAG"] + "-" + value["IMAGE_REVISION"])},
			map[string]string{"name": "RUNNER_RELEASE", "value": "2.336.0"},
			map[string]string{"name": "IMAGE_CLAIM", "value": "identity"},
		}})
	})
	return answer
}

// buildIs records the status of a build; "" if CodeBuild does not list it any more.
func (w *world) buildIs(arn, status string, variables []struct{ Name, Value string }, more map[string]any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if status == "" {
		w.builtAs[arn] = nil
		return
	}
	build := map[string]any{"buildStatus": status, "environment": map[string]any{"environmentVariables": variables}}
	if exported, ok := more["exported-environment-variables"]; ok {
		build["exportedEnvironmentVariables"] = exported
	}
	w.builtAs[arn] = build
}

// readBuilds is BatchGetBuilds: moto's own builds end as soon as their status is read.
func (w *world) readBuilds(_ *faultproxy.Request, forward func() faultproxy.Answer) faultproxy.Answer {
	answer := forward()
	var out map[string]any
	if answer.Status != http.StatusOK || json.Unmarshal(answer.Body, &out) != nil {
		return answer
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	listed := []any{}
	if w.unlisted {
		out["builds"] = nil
	}
	for _, one := range asList(out["builds"]) {
		build := one.(map[string]any)
		arn, _ := build["arn"].(string)
		as, ours := w.builtAs[arn]
		if ours && as == nil {
			continue
		}
		maps.Copy(build, as)
		listed = append(listed, build)
	}
	out["builds"] = listed
	answer.Body, _ = json.Marshal(out)
	return answer
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}
