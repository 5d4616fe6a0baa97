//go:build aws

package flow

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/faultproxy"
)

// putImage puts an image into the fleet's repository, whose content is its name, and
// returns its digest.
func (w *world) putImage(tag string) string {
	_, repository, _ := strings.Cut(w.environment("resolveimage")[deployment.EnvRepository], "/")
	manifest := `{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":` + strconv.Itoa(len(tag)) + `,"digest":"sha256:` + strings.Repeat("0", 64) + `"},"layers":[],"annotations":{"tag":"` + tag + `"}}`
	out := w.stack.moto.json("ecr", "AmazonEC2ContainerRegistry_V20150921.PutImage", map[string]any{
		"repositoryName": repository, "imageTag": tag, "imageManifest": manifest, "imageManifestMediaType": "application/vnd.docker.distribution.manifest.v2+json",
	})
	return out["image"].(map[string]any)["imageId"].(map[string]any)["imageDigest"].(string)
}

// putBaseImage publishes the base image, as somebody may have done by hand.
func (w *world) putBaseImage() { w.putImage("base") }

// startBuild is a stand-in for a build: moto notes one and runs nothing. It ends when
// and how the test says, by default at once with the image that the buildspec would push.
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
				return // nothing more is heard of it
			}
		}
		if status != "SUCCEEDED" {
			tell(status, map[string]any{"phases": []any{map[string]any{"phase-type": "BUILD", "phase-status": status, "phase-context": []any{"COMMAND_EXECUTION_ERROR: the build failed"}}}})
			return
		}
		tell(status, map[string]any{"exported-environment-variables": []any{
			map[string]string{"name": "IMAGE_DIGEST", "value": w.putImage(value["IMAGE_TAG"] + "-" + value["IMAGE_REVISION"])},
			map[string]string{"name": "RUNNER_RELEASE", "value": "2.336.0"},
		}})
	})
	return answer
}
