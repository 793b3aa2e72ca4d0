#!/bin/sh
# Makes a host of hosts.sh a fresh server without an engine. Everything below /usr, /etc and /var that changes is the host's
# own. `serverSetup.sh debian` installs with the real apt and dpkg, from a repository with the machine's own docker.io;
# other systems have stand-ins that write down their words in /run/words.
set -eu
system=$1 # debian, fedora, alpine or another
title=$2
# The cgroup of the containers, which hosts.sh removes.
echo "$3" >/run/cgroup
cp /etc/passwd /etc/shadow /run/
for folder in usr etc var; do
  mkdir -p "/run/over/$folder" "/run/work/$folder"
  mount -t overlay overlay -o "lowerdir=/$folder,upperdir=/run/over/$folder,workdir=/run/work/$folder" "/$folder"
done
# Nothing below may touch the machine itself.
for folder in usr etc var; do [ "$(stat --file-system --format %T "/$folder")" = overlayfs ]; done
cp /run/passwd /run/shadow /etc/
rm -f /usr/local/bin/docker /usr/bin/podman
touch /run/words && chmod 666 /run/words

# A root without a password for the user deploy, as sudo gives it.
cp /usr/bin/setpriv /usr/local/sbin/setpriv-root
chmod u+s /usr/local/sbin/setpriv-root
stand_in() { cat >"/usr/local/bin/$1" && chmod +x "/usr/local/bin/$1"; }
stand_in sudo <<'SUDO'
#!/bin/sh
[ "$1" = -n ] && shift
exec /usr/local/sbin/setpriv-root --reuid=0 --regid=0 --clear-groups -- "$@"
SUDO

if [ "$system" = debian ]; then
  mkdir -p /run/repository /run/package/DEBIAN
  # /lib and /bin are links into /usr.
  dpkg -L docker.io | while read -r file; do
    if [ -d "$file" ]; then continue; fi
    mkdir -p "/run/package$(realpath "${file%/*}")"
    cp -a "$file" "/run/package$(realpath "${file%/*}")"
  done
  dpkg-query -s docker.io | grep -vE '^(Status|Config-Version):' | sed '/^Conffiles:/,/^[^ ]/{/^Conffiles:/d;/^ /d}' >/run/package/DEBIAN/control
  for part in postinst prerm postrm preinst conffiles; do
    if [ -e "/var/lib/dpkg/info/docker.io.$part" ]; then cp "/var/lib/dpkg/info/docker.io.$part" "/run/package/DEBIAN/$part"; fi
  done
  dpkg-deb -Znone --build /run/package /run/repository/docker.io.deb >/dev/null
  rm -r /run/package
  (cd /run/repository && dpkg-scanpackages --multiversion . >Packages 2>/dev/null)
  dpkg --purge --force-depends docker.io >/dev/null 2>&1
  rm -rf /etc/apt/sources.list.d /etc/docker /var/lib/apt/lists/*
  mkdir /etc/apt/sources.list.d
  echo 'deb [trusted=yes] file:/run/repository ./' >/etc/apt/sources.list
  # Packages must not start programs of their own here.
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
  groupdel docker 2>/dev/null || true
else
  rm -f /usr/bin/docker /usr/sbin/dockerd /usr/bin/systemctl
  printf 'NAME="%s"\nPRETTY_NAME="%s 1"\nID=%s\n' "$title" "$title" "$system" >/usr/lib/os-release
  rm -rf /etc/docker
  for program in dnf apk; do
    stand_in "$program" <<'PROGRAM'
#!/bin/sh
echo "${0##*/} $*" >>/run/words
# Fedora has docker's client in a package of its own.
case "$*" in *moby-engine*) exit 0 ;; esac
case "$*" in *podman*) engine=podman ;; *) engine=docker ;; esac
printf '#!/bin/sh\necho "%s $*" >>/run/words\n' "$engine" >"/usr/bin/$engine"
chmod +x "/usr/bin/$engine"
PROGRAM
  done
fi

case $system in
  alpine)
    mkdir -p /etc/runlevels/default
    stand_in rc-update <<'PROGRAM'
#!/bin/sh
echo "rc-update $*" >>/run/words
touch "/etc/runlevels/$3/$2"
PROGRAM
    stand_in rc-service <<'PROGRAM'
#!/bin/sh
echo "rc-service $*" >>/run/words
PROGRAM
    ;;
  *)
    mkdir -p /run/systemd/system
    stand_in loginctl <<'PROGRAM'
#!/bin/sh
echo "loginctl $*" >>/run/words
mkdir -p /var/lib/systemd/linger && touch "/var/lib/systemd/linger/$2"
PROGRAM
    # No systemd runs here. This starts the engine that was installed, as its unit does.
    stand_in systemctl <<'PROGRAM'
#!/bin/sh
case $1 in
  is-enabled | is-active) [ -e /run/enabled ] ;;
  enable)
    echo "systemctl $*" >>/run/words
    touch /run/enabled
    if [ -x /usr/sbin/dockerd ]; then
      mkdir -p /run/docker-data /run/docker
      TMPDIR=/run/docker setsid /usr/sbin/dockerd --data-root /run/docker-data --exec-opt native.cgroupdriver=cgroupfs \
        --cgroup-parent "$(cat /run/cgroup)" >/run/dockerd.log 2>&1 </dev/null &
      until [ -S /run/docker.sock ]; do sleep 0.05; done
    fi
    ;;
esac
PROGRAM
    ;;
esac
