# The annotation page in a container: docker build -t activeclust . && docker run -p 8421:8421 -v "$PWD:/data" \
#   -e ACTIVECLUST_PASSWORD activeclust rows.csv
FROM python:3.12-slim
COPY . /src
RUN pip install --no-cache-dir '/src[web]' && rm -rf /src
WORKDIR /data
ENTRYPOINT ["activeclust", "annotate", "--ui", "web", "--no-browser", "--host", "0.0.0.0", "--port", "8421"]
