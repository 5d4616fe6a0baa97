package runnerfleet

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/jsii-runtime-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/cdk/runnerfleet/functions"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/runner"
)

// module is this module. Its programs are built in its own folder, wherever that
// is, so that they have the dependencies of this module's go.sum.
const module = "github.com/ecs-runner-fleet/ecs-runner-fleet"

// bundler builds what functions and image builds are made of.
type bundler struct {
	dir string // this module's source: of the checkout, of a replace directive, or of the module cache

	authorities string // of the GitHub server, in PEM; functions that call it get them
}

func newBundler() (bundler, error) {
	list := exec.Command("go", "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", module)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return bundler{}, fmt.Errorf("find the source of %s with go list: %w", module, err)
	}
	dir := strings.TrimSpace(string(out))
	if dir == "" {
		return bundler{}, fmt.Errorf("the source of %s is not there; run go mod download", module)
	}
	return bundler{dir: dir}, nil
}

// build compiles one of this module's programs for Linux. What comes out depends on
// the source alone: no path, no time and no version control is in it.
func (b bundler) build(pkg, arch, out string) error {
	compile := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w -buildid=", "-o", out, pkg)
	compile.Dir = b.dir
	compile.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	compile.Stdout, compile.Stderr = os.Stderr, os.Stderr
	if err := compile.Run(); err != nil {
		return fmt.Errorf("build %s for linux/%s: %w", pkg, arch, err)
	}
	return nil
}

// source is a folder of this module, as assets want one to begin from.
func (b bundler) source(folder string) *string {
	return jsii.String(filepath.Join(b.dir, filepath.FromSlash(folder)))
}

// gitHubCA is the file beside a function's program that has the authorities of the GitHub
// server. Lambda unpacks both to /var/task
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html).
const gitHubCA = "github-ca.pem"

// authoritiesFile is where functions find the authorities, nil if there are none.
func (b bundler) authoritiesFile() *string {
	if b.authorities == "" {
		return nil
	}
	return jsii.String("/var/task/" + gitHubCA)
}

// program is the asset of a Lambda function.
func (b bundler) program(f functions.Function) *awss3assets.AssetOptions {
	name, authorities := f.Folder(), ""
	if f.CallsGitHub() && b.authorities != "" {
		// Another fleet of the same app may have others.
		authorities = b.authorities
		name = fmt.Sprintf("%s %x", name, sha256.Sum256([]byte(authorities)))
	}
	return assetOf(name, func(dir string) error {
		if authorities != "" {
			if err := os.WriteFile(filepath.Join(dir, gitHubCA), []byte(authorities), 0o644); err != nil {
				return err
			}
		}
		return b.build("./functions/"+f.Folder()+"/lambda", "arm64", filepath.Join(dir, "bootstrap"))
	})
}

// collect puts what image builds start from into a folder: the Dockerfile, the
// entrypoint and the program that pushes, both for both architectures, and for each extra image the folder of its
// Dockerfile, with the Dockerfile's name in the file .dockerfile.
func (b bundler) collect(p Props, dir, assembly string) error {
	if err := runner.WriteContext(dir); err != nil {
		return err
	}
	for _, arch := range []string{"amd64", "arm64"} {
		for _, program := range []string{"entrypoint", "publish"} {
			if err := b.build("./runner/cmd/"+program, arch, filepath.Join(dir, program+"-"+arch)); err != nil {
				return err
			}
		}
	}
	for label := range p.Config.ExtraRunnerImages {
		from, to := p.dockerfile(label), filepath.Join(dir, "extra", filepath.FromSlash(label))
		if err := copyContext(runner.Folder{Dir: filepath.Dir(from), Dockerfile: filepath.Base(from)}, to, dir, assembly); err != nil {
			return fmt.Errorf("copy the folder of %s: %w", label, err)
		}
		if err := os.WriteFile(filepath.Join(to, ".dockerfile"), []byte(filepath.Base(from)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// bundle fills an asset's folder on this machine.
type bundle struct {
	fill func(dir string) error
}

// TryBundle implements awscdk.ILocalBundling. It cannot return an error to the CDK,
// and false would make the CDK ask for Docker.
func (b *bundle) TryBundle(dir *string, _ *awscdk.BundlingOptions) *bool {
	if err := b.fill(*dir); err != nil {
		panic(err)
	}
	return jsii.Bool(true)
}

// assetOf describes an asset that fill makes. name distinguishes assets that begin
// from the same folder.
func assetOf(name string, fill func(dir string) error) *awss3assets.AssetOptions {
	return &awss3assets.AssetOptions{
		AssetHashType: awscdk.AssetHashType_OUTPUT,
		Bundling: &awscdk.BundlingOptions{
			Image:   awscdk.DockerImage_FromRegistry(jsii.String("unused")),
			Command: texts(name),
			Local:   &bundle{fill},
		},
	}
}
