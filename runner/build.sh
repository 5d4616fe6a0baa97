#!/usr/bin/env bash
# build.sh builds a revision of a runner image and pushes it. It prints the image's
# digest and the version of GitHub's runner in it on standard output, a line each; all
# talk goes to standard error. What is wrong is said in one sentence that begins with
# "ecsrunner: ", the last such line being the reason.
#
#   IMAGE_TAG          content tag, 32 hexadecimal digits
#   IMAGE_REVISION     its number: the image is pushed as <tag>-<number>
#   IMAGE_KIND         base, extra or on_demand
#   IMAGE_ARCH         x64 or arm64
#   BASE_IMAGE         on_demand: the image that a job asked for
#   IMAGE_LABEL        extra: the label, and the folder below extra/
#   PUBLISH_TAG        base: a further tag, by which it is found
#   IMAGE_REPOSITORY   where to: a repository of ECR, by its URI
#   RUNNER_VERSION     of GitHub's runner: latest, or one such as 2.329.0
#   RUNNER_RELEASE     the version that latest is, if the fleet knows it
#   RUNNER_SHA256      the checksum of that one's archive
#   DEFAULT_BASE       what the base image is made from
#   SUDO               true or false: whether jobs may be root
#   DOCKER_HUB_MIRROR  where images of Docker Hub are pulled from instead
#   DOCKER_HUB_SECRET  a secret with Docker Hub's credentials
#   PULL_REGISTRIES    registries of ECR that base images are pulled from
#
# The values come from strangers' workflows. Each has to match its pattern as a
# whole, and is only ever one argument of a program.
set -euo pipefail

fail() { echo "ecsrunner: $1" >&2; exit 1; }

# check NAME PATTERN refuses a variable that does not match as a whole.
check() {
  local value=${!1-}
  [[ $value =~ ^($2)$ ]] || fail "$1 is not what it must be; the build was not started by the fleet"
}

reference='[a-z0-9][A-Za-z0-9._:/@-]{0,254}'
registry='[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?'
check IMAGE_TAG '[0-9a-f]{32}'
check IMAGE_REVISION '[1-9][0-9]{0,5}'
check IMAGE_KIND 'base|extra|on_demand'
check IMAGE_ARCH 'x64|arm64'
check IMAGE_REPOSITORY "$registry"'/[a-z0-9][a-z0-9._/-]*'
: "${RUNNER_VERSION:=latest}" "${RUNNER_RELEASE=}" "${RUNNER_SHA256=}" "${DEFAULT_BASE:=public.ecr.aws/ubuntu/ubuntu:24.04}" "${SUDO:=true}"
: "${DOCKER_HUB_MIRROR=}" "${DOCKER_HUB_SECRET=}" "${PULL_REGISTRIES=}"
check RUNNER_VERSION 'latest|[0-9]+\.[0-9]+\.[0-9]+'
check RUNNER_RELEASE '([0-9]+\.[0-9]+\.[0-9]+)?'
check RUNNER_SHA256 '([0-9a-f]{64})?'
check DEFAULT_BASE "$reference"
check SUDO 'true|false'
check DOCKER_HUB_MIRROR '([a-z0-9][a-z0-9._:/-]{0,254})?'
check DOCKER_HUB_SECRET '([A-Za-z0-9/][A-Za-z0-9/_+=.@:-]{0,600})?'
check PULL_REGISTRIES "($registry( $registry)*)?"
case $IMAGE_KIND in
  on_demand) check BASE_IMAGE "$reference" ;;
  extra)
    check IMAGE_LABEL '[A-Za-z0-9_][A-Za-z0-9_.+/-]{0,254}'
    [[ /$IMAGE_LABEL/ != */../* ]] || fail "IMAGE_LABEL is not what it must be; the build was not started by the fleet"
    ;;
  base) check PUBLISH_TAG '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}' ;;
esac

# find_release finds the version and checksum of the runner, if the fleet has not said.
find_release() {
  local url=https://api.github.com/repos/actions/runner/releases/latest release asset
  if [ "$RUNNER_VERSION" != latest ]; then
    url=https://api.github.com/repos/actions/runner/releases/tags/v$RUNNER_VERSION
  elif [ -n "$RUNNER_RELEASE" ] && [ -n "$RUNNER_SHA256" ]; then
    return
  fi
  release=$(curl -fsSL --retry 3 "$url") || fail "GitHub did not say where runner version $RUNNER_VERSION is: build again, or set runner_version to one that there is"
  asset=$(jq -r --arg arch "$IMAGE_ARCH" '.assets[] | (.name | capture("^actions-runner-linux-" + $arch + "-(?<version>[0-9.]+)\\.tar\\.gz$")) as $name | $name.version + " " + (.digest // "")' <<<"$release")
  [[ $asset =~ ^([0-9]+\.[0-9]+\.[0-9]+)\ sha256:([0-9a-f]{64})$ ]] || fail "runner version $RUNNER_VERSION has no download with a checksum for $IMAGE_ARCH: set runner_version to another one"
  RUNNER_RELEASE=${BASH_REMATCH[1]} RUNNER_SHA256=${BASH_REMATCH[2]}
}

# from IMAGE is where an image is pulled from: Docker Hub's from its mirror.
from() {
  if [ -n "$DOCKER_HUB_MIRROR" ] && [[ $1 == docker.io/* ]]; then
    echo "$DOCKER_HUB_MIRROR/${1#docker.io/}"
  else
    echo "$1"
  fi
}

# pull IMAGE fetches a base image, with credentials that are gone before anything of it
# runs. A builder takes what is there already.
pull() {
  local config credentials host
  config=$(mktemp -d)
  if [ -n "$DOCKER_HUB_SECRET" ]; then
    credentials=$(aws secretsmanager get-secret-value --secret-id "$DOCKER_HUB_SECRET" --query SecretString --output text) ||
      fail "the secret of docker_hub_credentials cannot be read: does it exist, in this region?"
    jq -rj '.accessToken // error' <<<"$credentials" | DOCKER_CONFIG=$config docker login --username "$(jq -r '.username // error' <<<"$credentials")" --password-stdin >&2 ||
      fail 'Docker Hub refuses docker_hub_credentials: the secret must be {"username": "…", "accessToken": "…"}'
  fi
  for host in $PULL_REGISTRIES; do
    aws ecr get-login-password | DOCKER_CONFIG=$config docker login --username AWS --password-stdin "$host" >&2 || fail "the registry $host refuses the build: may its repository be pulled from by the fleet's build role?"
  done
  DOCKER_CONFIG=$config docker pull --platform "linux/$arch" "$1" >&2 || fail "the base image $1 cannot be pulled: the lines above say why"
  rm -rf "$config"
  local got
  got=$(docker image inspect --format '{{.Architecture}}' "$1")
  [ "$got" = "$arch" ] || fail "the base image is for $got, and the class of the job is $IMAGE_ARCH: name an image for $IMAGE_ARCH, or a class with another arch"
}

# build ARGUMENTS runs a build that knows no credentials, neither of a registry nor of
# AWS.
build() {
  env -i PATH="$PATH" HOME="$(mktemp -d)" docker build "$@" >&2
}

# layer BASE TAG puts the runner on top of an image.
layer() {
  build --build-arg "BASE_IMAGE=$1" --build-arg "BUILDER_IMAGE=$builder" --build-arg "RUNNER_VERSION=$RUNNER_RELEASE" --build-arg "RUNNER_SHA256=$RUNNER_SHA256" \
    --build-arg "RUNNER_ARCH=$IMAGE_ARCH" --build-arg "ARCH=$arch" --build-arg "SUDO=$SUDO" --tag "$2" --file Dockerfile .
}

# shield keeps the containers of a build from where this machine gets its credentials.
# The address alone opens nothing: there is a secret path to it, which builds do not know.
shield() {
  local address
  for address in 169.254.170.2 169.254.169.254; do
    iptables -I DOCKER-USER -d "$address" -j REJECT >&2 || iptables -I FORWARD -d "$address" -j REJECT >&2 ||
      echo "steps of this build can reach $address: no rule of iptables could be set" >&2
  done
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
    echo "$said" >&2
    fail "the image cannot be pushed to $IMAGE_REPOSITORY: the lines above say why"
  fi
}

arch=amd64
[ "$IMAGE_ARCH" = x64 ] || arch=arm64
chmod 0755 "entrypoint-$arch"
find_release
shield
base=$(from "$DEFAULT_BASE")
[ "$IMAGE_KIND" != on_demand ] || base=$(from "$BASE_IMAGE")
pull "$base"
# The runner is unpacked in the default base, which has what that takes.
builder=$(from "$DEFAULT_BASE")
[ "$builder" = "$base" ] || pull "$builder"
image=runner:build
case $IMAGE_KIND in
  base | on_demand) layer "$base" "$image" || fail "the runner could not be put into the base image: the lines above say why" ;;
  extra)
    layer "$base" runner:base || fail "the runner could not be put into the base image: the lines above say why"
    folder=extra/$IMAGE_LABEL
    [ -f "$folder/.dockerfile" ] || fail "there is no image of the label $IMAGE_LABEL; deploy again"
    build --build-arg RUNNER_BASE=runner:base --tag runner:extra --file "$folder/$(cat "$folder/.dockerfile")" "$folder" ||
      fail "the image of the label $IMAGE_LABEL could not be built: the lines above say why"
    # One that begins from RUNNER_BASE has the runner already. It may have left another
    # user or entrypoint behind.
    if [ "$(docker inspect --format '{{index .Config.Labels "ecsrunner.runner"}}' runner:extra)" = true ]; then
      build --build-arg BASE_IMAGE=runner:extra --tag "$image" --file Dockerfile.again . || fail "the image of the label $IMAGE_LABEL could not be finished: the lines above say why"
    else
      layer runner:extra "$image" || fail "the runner could not be put into the image of the label $IMAGE_LABEL: the lines above say why"
    fi
    ;;
esac

# The credentials to push come after the build, in a folder of their own: what a
# Dockerfile ran is gone by now.
DOCKER_CONFIG=$(mktemp -d)
export DOCKER_CONFIG
aws ecr get-login-password | docker login --username AWS --password-stdin "${IMAGE_REPOSITORY%%/*}" >&2 || fail "ECR refuses the build's login"
push "$IMAGE_TAG-$IMAGE_REVISION"
[ "$IMAGE_KIND" != base ] || push "$PUBLISH_TAG"
digest=
while read -r pushed; do
  [[ $pushed != "$IMAGE_REPOSITORY@"* ]] || digest=${pushed#*@}
done < <(docker inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$IMAGE_REPOSITORY:$IMAGE_TAG-$IMAGE_REVISION")
[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || fail "the pushed image has no digest"
printf '%s\n%s\n' "$digest" "$RUNNER_RELEASE"
