# A real sshd on this machine's loopback, under $folder: sourced by what needs one. Sets $sshd and $port; $folder/ssh is ssh with the key for it.
sshd=$(command -v sshd || echo /usr/sbin/sshd)

# answers HOST: waits until sshd does there.
answers() {
  i=0
  until "$folder/ssh" -o BatchMode=yes "$1" true 2>"$folder/ssh.log"; do
    i=$((i + 1))
    [ $i -lt 100 ] || { cat "$folder/ssh.log" "$folder/sshd.log"; return 1; }
    sleep 0.1
  done
}

# start_sshd: leaves its process in $daemons.
start_sshd() {
  chmod 755 "$folder"
  ssh-keygen -q -t ed25519 -N "" -f "$folder/host"
  ssh-keygen -q -t ed25519 -N "" -f "$folder/key"
  cp "$folder/key.pub" "$folder/authorized"
  port=$(python3 -c "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])")
  cat >"$folder/sshd_config" <<END
ListenAddress 127.0.0.1:$port
HostKey $folder/host
PidFile $folder/pid
AuthorizedKeysFile $folder/authorized
StrictModes no
PasswordAuthentication no
PermitRootLogin yes
UsePAM no
END
  mkdir -p /run/sshd 2>/dev/null || true
  "$sshd" -D -e -f "$folder/sshd_config" 2>"$folder/sshd.log" &
  daemons=$!
  cat >"$folder/ssh" <<END
#!/bin/sh
exec ssh -F none -p $port -i "$folder/key" -o UserKnownHostsFile="$folder/known" -o StrictHostKeyChecking=accept-new "\$@"
END
  chmod 755 "$folder/ssh"
  answers 127.0.0.1
}
