#!/bin/sh
# install.sh prepares a base image for GitHub's runner: what the runner needs of the
# system, git, curl and certificates, the user runner, and a word about docker. Its
# only argument is whether the user gets sudo without a password.
#
# What cannot work ends here, in one sentence.
set -eu

fail() { echo "$1" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "the base image does not let the build be root"
if [ -e /etc/alpine-release ] || ls /lib/ld-musl-* >/dev/null 2>&1; then
  fail "the base image is built on musl, and GitHub's runner needs glibc: use a Debian, Ubuntu, Fedora, Amazon Linux or openSUSE image"
fi

# What the runner's .NET needs, by package manager; the first name that there is
# counts (https://github.com/actions/runner/blob/main/docs/start/envlinux.md).
any() {
  for name in "$@"; do
    if $manager "$name" >/dev/null 2>&1; then
      return 0
    fi
  done
  fail "none of the packages $* can be installed"
}

if command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  manager='apt-get install -y -qq --no-install-recommends'
  any libicu76 libicu74 libicu72 libicu70 libicu67 libicu66 libicu-dev
  any libssl3t64 libssl3 libssl1.1 libssl1.0.2
  any liblttng-ust1t64 liblttng-ust1 liblttng-ust0
  any libkrb5-3
  any zlib1g
  tools='ca-certificates curl git'
  sudo=sudo
elif command -v dnf >/dev/null || command -v yum >/dev/null; then
  manager="$(command -v dnf || command -v yum) install -y -q"
  any libicu
  any krb5-libs
  any zlib zlib-ng-compat
  any openssl-libs
  tools='ca-certificates git tar gzip shadow-utils findutils'
  command -v curl >/dev/null || tools="$tools curl"
  sudo=sudo
elif command -v zypper >/dev/null; then
  manager='zypper --non-interactive --quiet install --no-recommends'
  any libicu-suse65_1 libicu77 libicu76 libicu75 libicu73 libicu
  any libopenssl3 libopenssl1_1
  any krb5
  any libz1
  tools='ca-certificates curl git tar gzip shadow'
  sudo=sudo
else
  fail "the base image has none of apt-get, dnf, yum and zypper, by which the runner's dependencies are installed"
fi
[ "$1" = true ] || sudo=
$manager $tools $sudo >/dev/null || fail "the base image's packages of git, curl and certificates cannot be installed"
rm -rf /var/lib/apt/lists/* /var/cache/dnf /var/cache/yum /var/cache/zypp

id runner >/dev/null 2>&1 || useradd --create-home --home-dir /home/runner --shell /bin/sh runner ||
  fail "the base image has no useradd that can make the user runner"
if [ -n "$sudo" ]; then
  mkdir -p /etc/sudoers.d
  echo 'runner ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/ecsrunner
  chmod 0440 /etc/sudoers.d/ecsrunner
fi

if ! command -v docker >/dev/null; then
  cat >/usr/local/bin/docker <<'SHIM'
#!/bin/sh
echo "docker: this runner is a container on AWS Fargate, which cannot start others: use services outside of the job, or a runner with a Docker engine" >&2
exit 1
SHIM
  chmod 0755 /usr/local/bin/docker
fi
