#!/usr/bin/env bash
# Keeps the images that a measurement pulled, and the volumes that it left, such as those with models:
# containers.sh load FOLDER before it, and containers.sh save FOLDER after it.
# bench removes its other volumes, and names the images that it builds STACK-image.
set -euo pipefail
folder=$2
largest_kb=4000000 # a repository has 10 GB for all of its caches

list_images() { docker image ls --format '{{.Repository}}:{{.Tag}}' | grep -v -e '<none>' -e '-image:' | sort || true; }
list_volumes() { docker volume ls --format '{{.Name}}' | grep -vE '^[0-9a-f]{64}$' | sort || true; }
place_of() { docker volume inspect --format '{{.Mountpoint}}' "$1"; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
added() { comm -13 "$folder/$1" <("list_$1"); }

mkdir -p "$folder/cache"
case $1 in
  load)
    list_images > "$folder/images"
    list_volumes > "$folder/volumes"
    if [ -f "$folder/cache/images.tar" ]; then docker load --quiet --input "$folder/cache/images.tar"; fi
    for file in "$folder"/cache/*.volume.tar; do
      [ -f "$file" ] || continue
      volume=$(basename "$file" .volume.tar)
      docker volume create "$volume"
      as_root tar --extract --file "$file" --directory "$(place_of "$volume")"
    done
    ;;
  save)
    mapfile -t images < <(added images)
    mapfile -t volumes < <(added volumes)
    if [ ${#images[@]} -gt 0 ]; then docker save --output "$folder/cache/images.tar" "${images[@]}"; fi
    for volume in "${volumes[@]}"; do # without the key by which Ollama names itself
      as_root tar --create --file "$folder/cache/$volume.volume.tar" --exclude 'id_ed25519*' --directory "$(place_of "$volume")" .
    done
    as_root chown -R "$(id -u)" "$folder/cache"
    if [ "$(du -sk "$folder/cache" | cut -f1)" -gt $largest_kb ]; then
      echo "::notice title=chatbench::the images are too large for the cache, so each run pulls them"
      rm -f "$folder"/cache/*.tar
    fi
    if compgen -G "$folder/cache/*.tar" > /dev/null; then echo "kept=true" >> "$GITHUB_OUTPUT"; fi
    ;;
esac
