#!/usr/bin/env bats
# What the folder provider writes, built by the real generators: everything in a post renders
# literally, and every language has its page.

setup() {
  export LC_ALL=C.UTF-8
  site=$(mktemp -d)
  samples=${GALLEY_BUILD:-build/dev}/unit/test_provider_folder
  [ -x "$samples" ] || skip "$samples is not built"
}

teardown() {
  rm -rf "$site"
}

# holds FILE TEXT: the page, with its typographic quotes and character references undone, has TEXT.
holds() {
  sed -e 's/&lt;/</g; s/&gt;/>/g; s/&#34;/"/g; s/&quot;/"/g; s/&#39;/'"'"'/g; s/&amp;/\&/g' \
    -e 's/&[lr]dquo;/"/g; s/[“”]/"/g' "$1" | grep -qF -- "$2" || {
    echo "missing in $1: $2"
    cat "$1"
    return 1
  }
}

literal_everywhere() {
  holds "$1" 'He said: "yes" # it'"'"'s C:\new 👩‍👩'
  holds "$1" '- not: a list, {{ not }} "liquid"'
  holds "$1" 'Text {{ site.title }} and {% raw %} and {{< figure src="x" >}} and {{% note %}} stay.'
  holds "$1" 'Open {{< never closed and {{ too.'
  holds "$1" '{{< tweet 1 >}}</code>'
  holds "$1" '{{ page.url }}</code>'
  holds "$1" '{{< code >}}'
  holds "$1" '{{ code.x }}'
  holds "$1" '{% code %}'
  holds "$1" '<a href="https://one.example/">[1]</a><a href="https://two.example/">[2]</a>'
}

@test "hugo builds every post and renders it literally" {
  command -v hugo >/dev/null || skip "hugo is not installed"
  mkdir -p "$site/content/posts" "$site/layouts/_default"
  printf 'baseURL = "https://blog.example/"\ntitle = "Site"\n' >"$site/config.toml"
  echo '<h1>{{ .Title }}</h1><p>{{ .Description }}</p>{{ .Content }}' \
    >"$site/layouts/_default/single.html"
  echo '{{ range .Pages }}{{ .Title }}{{ end }}' >"$site/layouts/_default/list.html"
  "$samples" hugo "$site/content/posts"
  hugo --quiet --source "$site"
  literal_everywhere "$site/public/posts/en/quotes/index.html"
  holds "$site/public/posts/de/gross/index.html" 'Größe zählt: „ja'
  holds "$site/public/posts/el/quotes/index.html" 'Ελληνικά'
  holds "$site/public/posts/ja/電気/index.html" '電気：車'
}

@test "jekyll builds every post and renders it literally" {
  command -v jekyll >/dev/null || skip "jekyll is not installed"
  mkdir -p "$site/_layouts"
  printf 'title: Site\ntimezone: UTC\ndefaults:\n  - scope: {path: ""}\n    values: {layout: post}\n' \
    >"$site/_config.yml"
  echo '<h1>{{ page.title | escape }}</h1><p>{{ page.description | escape }}</p>{{ content }}' \
    >"$site/_layouts/post.html"
  "$samples" jekyll "$site"
  jekyll build --quiet --disable-disk-cache --source "$site" --destination "$site/_site"
  literal_everywhere "$site/_site/2026/03/01/quotes.html"
  holds "$site/_site/de/2026/03/01/gross.html" 'Größe zählt: „ja'
  holds "$site/_site/el/2026/03/01/quotes.html" 'Ελληνικά'
  holds "$site/_site/ja/2026/03/01/電気.html" '電気：車'
}
