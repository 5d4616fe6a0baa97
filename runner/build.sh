#!/usr/bin/env bash
# build.sh builds a runner image and pushes it. It prints the image's digest on
# standard output; all talk goes to standard error.
#
#   IMAGE_TAG         content tag, 32 hexadecimal digits
#   IMAGE_KIND        base, extra or on_demand
#   IMAGE_ARCH        x64 or arm64
#   BASE_IMAGE        on_demand: the image that a job asked for
#   IMAGE_LABEL       extra: the label, and the folder below extra/
#   PUBLISH_TAG       base: a further tag, by which it is found
#   IMAGE_REPOSITORY  where to: a repository of ECR, by its URI
#   RUNNER_VERSION    of GitHub's runner: latest, or one such as 2.329.0
#   DEFAULT_BASE      what the base image is made from
#
# The values come from strangers' workflows. Each has to match its pattern as a
# whole, and is only ever one argument of a program.
set -euo pipefail

fail() { echo "$1" >&2; exit 1; }

# check NAME PATTERN refuses a variable that does not match as a whole.
check() {
  local value=${!1-}
  [[ $value =~ ^($2)$ ]] || fail "$1 is not what it must be; the build was not started by the fleet"
}

check IMAGE_TAG '[0-9a-f]{32}'
check IMAGE_KIND 'base|extra|on_demand'
check IMAGE_ARCH 'x64|arm64'
check IMAGE_REPOSITORY '[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[a-z0-9][a-z0-9._/-]*'
: "${RUNNER_VERSION:=latest}" "${DEFAULT_BASE:=public.ecr.aws/ubuntu/ubuntu:24.04}"
check RUNNER_VERSION 'latest|[0-9]+\.[0-9]+\.[0-9]+'
check DEFAULT_BASE '[a-z0-9][A-Za-z0-9._:/@-]{0,254}'
case $IMAGE_KIND in
  on_demand) check BASE_IMAGE '[a-z0-9][A-Za-z0-9._:/@-]{0,254}' ;;
  extra)
    check IMAGE_LABEL '[A-Za-z0-9_][A-Za-z0-9_.+/-]{0,254}'
    [[ /$IMAGE_LABEL/ != */../* ]] || fail "IMAGE_LABEL is not what it must be; the build was not started by the fleet"
    ;;
  base) check PUBLISH_TAG '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}' ;;
esac

# download puts GitHub's runner into the folder runner, if its checksum is right.
download() {
  local url=https://api.github.com/repos/actions/runner/releases/latest arch=$IMAGE_ARCH release asset
  [ "$RUNNER_VERSION" = latest ] || url=https://api.github.com/repos/actions/runner/releases/tags/v$RUNNER_VERSION
  release=$(curl -fsSL --retry 3 "$url") || fail "GitHub did not say where runner version $RUNNER_VERSION is"
  asset=$(jq -r --arg arch "$arch" '.assets[] | select(.name | test("^actions-runner-linux-" + $arch + "-[0-9.]+\\.tar\\.gz$")) | .browser_download_url + " " + (.digest // "")' <<<"$release")
  [[ $asset =~ ^(https://github\.com/[A-Za-z0-9./_-]+)\ sha256:([0-9a-f]{64})$ ]] || fail "runner version $RUNNER_VERSION has no download with a checksum for $arch"
  curl -fsSL --retry 3 --output runner.tar.gz "${BASH_REMATCH[1]}" || fail "the runner could not be downloaded"
  echo "${BASH_REMATCH[2]}  runner.tar.gz" | sha256sum --check --quiet >&2 || fail "the runner's checksum is wrong"
  mkdir -p runner
  tar -xzf runner.tar.gz -C runner
  rm runner.tar.gz
}

# layer BASE TAG puts the runner on top of an image.
layer() {
  docker build --build-arg "BASE_IMAGE=$1" --build-arg "ARCH=$arch" --tag "$2" --file Dockerfile . >&2 ||
    fail "the runner could not be put into $1; the lines above say why"
}

# push TAG. Where tags cannot change, a build that was first has pushed the same.
push() {
  local said
  docker tag "$image" "$IMAGE_REPOSITORY:$1"
  if said=$(docker push "$IMAGE_REPOSITORY:$1" 2>&1); then
    echo "$said" >&2
  elif [[ $said == *"already exists"*"immutable"* ]]; then
    echo "$1 is in the repository already and stays as it is" >&2
  else
    fail "$said"
  fi
}

arch=amd64
[ "$IMAGE_ARCH" = x64 ] || arch=arm64
download
image=runner:build
case $IMAGE_KIND in
  base) layer "$DEFAULT_BASE" "$image" ;;
  on_demand) layer "$BASE_IMAGE" "$image" ;;
  extra)
    layer "$DEFAULT_BASE" runner:base
    folder=extra/$IMAGE_LABEL
    [ -f "$folder/.dockerfile" ] || fail "there is no image of the label $IMAGE_LABEL; deploy again"
    docker build --build-arg RUNNER_BASE=runner:base --tag runner:extra --file "$folder/$(cat "$folder/.dockerfile")" "$folder" >&2 ||
      fail "the image of the label $IMAGE_LABEL could not be built; the lines above say why"
    # One that begins from RUNNER_BASE has the runner already.
    if [ "$(docker inspect --format '{{index .Config.Labels "ecsrunner.runner"}}' runner:extra)" = true ]; then
      image=runner:extra
    else
      layer runner:extra "$image"
    fi
    ;;
esac

# The credentials to push come after the build, in a folder of their own: what a
# Dockerfile ran is gone by now.
DOCKER_CONFIG=$(mktemp -d)
export DOCKER_CONFIG
aws ecr get-login-password | docker login --username AWS --password-stdin "${IMAGE_REPOSITORY%%/*}" >&2
push "$IMAGE_TAG"
[ "$IMAGE_KIND" != base ] || push "$PUBLISH_TAG"
digest=$(aws ecr describe-images --repository-name "${IMAGE_REPOSITORY#*/}" --image-ids "imageTag=$IMAGE_TAG" --query 'imageDetails[0].imageDigest' --output text)
[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || fail "the pushed image has no digest"
printf '%s\n' "$digest"
