#!/bin/sh
# Postfix's smtp-sink, without installing or starting Postfix: the Debian package is unpacked into a folder.
#   sh get_smtp_sink.sh FOLDER   then   FOLDER/smtp-sink 127.0.0.1:2525 1000
set -eu
mkdir -p "$1" && cd "$1"
[ "$(id -u)" != 0 ] || apt-get -q update >/dev/null
apt-get -q download postfix >/dev/null 2>&1 || { echo "apt-get can't download the package postfix" >&2; exit 1; }
dpkg-deb -x postfix_*.deb root && rm postfix_*.deb
cat > smtp-sink <<'SH'
#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
export LD_LIBRARY_PATH="$here/root/usr/lib/postfix${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
[ "$(id -u)" != 0 ] || set -- -u nobody "$@" # it refuses to run as root without
exec "$here/root/usr/sbin/smtp-sink" "$@"
SH
chmod +x smtp-sink
missing=$(LD_LIBRARY_PATH=root/usr/lib/postfix ldd root/usr/sbin/smtp-sink | grep "not found" || true)
[ -z "$missing" ] || { echo "smtp-sink lacks libraries of this machine: $missing" >&2; exit 1; }
