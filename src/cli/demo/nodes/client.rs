//! A client of the two nodes: it resolves as a resolver would for it, and fetches from where it is sent.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::Message;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::dns::{MESSAGE_LEN_MAX, Name, query, rtype};

const PATIENCE: Duration = Duration::from_secs(2);
const WWW: &str = "www.gslb.example.com";

pub struct Client(reqwest::Client);

impl Client {
    pub fn new() -> Result<Self, String> {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
        client.build().map(Client).map_err(|e| e.to_string())
    }

    /// The address that a client of `network` (/24) is answered by the nameserver.
    pub async fn resolve(
        &self,
        server: SocketAddr,
        network: [u8; 4],
    ) -> Result<Option<IpAddr>, String> {
        let name = Name::parse(WWW).map_err(|e| e.to_string())?;
        let message = query::compose(1, &name, rtype::A, Some((IpAddr::from(network), 24)));
        let asked = async {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
            socket.connect(server).await?;
            socket.send(&message).await?;
            let mut reply = vec![0; MESSAGE_LEN_MAX];
            let length = socket.recv(&mut reply).await?;
            reply.truncate(length);
            Ok::<_, std::io::Error>(reply)
        };
        let reply = timeout(PATIENCE, asked).await;
        let reply = reply.map_err(|_| "no answer")?.map_err(|e| e.to_string())?;
        let message = Message::from_vec(&reply).map_err(|e| e.to_string())?;
        let mut records = message.answers.iter();
        Ok(records.find_map(|record| record.data.ip_addr()))
    }

    /// What is served there.
    pub async fn get(&self, address: IpAddr, port: u16) -> Result<String, String> {
        let url = format!("http://{}/", SocketAddr::new(address, port));
        let asked = self.0.get(url).header("host", WWW).send().await;
        let text = asked.map_err(|e| e.to_string())?.text().await;
        text.map(|text| text.trim_end().to_owned())
            .map_err(|e| e.to_string())
    }

    /// Lets a backend fail, or work again.
    pub async fn switch(&self, backend: Ipv4Addr, port: u16, to: &str) -> Result<(), String> {
        let url = format!("http://{backend}:{port}/{to}");
        let asked = self.0.post(url).send().await;
        asked.map(drop).map_err(|e| e.to_string())
    }
}
